"""How recorded bytes become batches in one order.

    paths ──> inputs ──> reader ──> blocks of whole lines ──> formats ──> merge ──> batches
               what        bytes, unpacked as they come                    by event time
"""
