"""保险库 The vault: a random key for each person, and what is sealed with it. No business in here.

Events hold ciphertexts and are for ever; the keys lie beside the ledger and are not. Destroying a
key erases what it sealed wherever a copy of an event lies, and leaves every hash as it was.
"""
