"""An application under load, which remembers what each acknowledged operation must have left.

`scenes` is its database and the two ways in which old and new code speak to it, `drivers` the
plain drivers, `worker` one connection at work, `application` all of them in a process of their
own, `ledger` what must be there afterwards, `figures` how long statements took. There are no
tests in here.
"""
