"""The same walk behind Kafka. Nothing outside this room knows faust or Kafka.

    flow, gpu, command, registry  ──one fetched chunk──>  messages ──batch──> partition (a Scorer of its own)
                                                                                  │
        score, alert, evidence, rejected  <──at once, acknowledged before───── outlet
                                            the checkpoint that covers them       │
        state (compacted)  <──changed chunks + next offsets, one transaction── checkpoint

faust carries the distribution: the group, the assignment, the rebalance. What must be exact is ours: whoever takes a
partition over starts its transactional producer first (which fences the owner before), reads the state back, seeks the
inputs to the offsets in it, and only then lets events count.
"""
