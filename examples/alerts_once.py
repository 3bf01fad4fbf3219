"""Each alert once, for a pager: the newest record of an id and update counts, repeats are passed over.

python examples/alerts_once.py localhost:9092 agentrisk.alert
"""

import json
import sys

from kafka import KafkaConsumer


def main(servers: str, topic: str, group: str = "pager", idle_ms: float = float("inf")) -> None:
    seen: set[tuple[str, int]] = set()  # a real pager keeps it where its own work is kept
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=idle_ms,
    )
    for record in consumer:
        alert = json.loads(record.value)
        if (alert["id"], alert["update"]) not in seen:
            seen.add((alert["id"], alert["update"]))
            print(alert["id"], alert["change"], alert["level"], alert["agent"], flush=True)
        consumer.commit()
    consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
