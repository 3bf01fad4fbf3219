"""A small synthetic lab: agents at work in their sandboxes, as sensors would have recorded them. Nothing here is real.

    sandbox.py     one sandbox: a clock, and what is seen of it (commands, flow records, GPU samples)
    gpus.py        what a GPU shows at different work
    work.py        ordinary kinds of agent
    lookalikes.py  innocent ones that look like trouble
    incident.py    the one that does what the incident's agent did
    cast.py        who plays what, and the files

Sizes and shapes follow recordings of real tools; names and addresses are of documentation and benchmark ranges.
Everything follows from one seed.
"""
