"""保险库 The vault: a random key for each person, and the sealing of texts with it.

Events hold ciphertexts and last for ever; the keys are stored outside the ledger and can be
destroyed. Destroying a key makes all that it sealed unreadable, in every copy of the events, and
changes no hash.
"""
