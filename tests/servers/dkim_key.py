"""A DKIM key of 2,048 bits, in strings of a TXT record. Nobody has its private half."""

STRINGS = (
    "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAjAPK4W9EtiFx4RblbLUL00KihV7B",
    "ir92Cj+rKJqyPDJKAwPzU8213IEVq8IcV5WnLkSn/75/hLU04jNAPdsTD/yb3E7ndrqOuGDl/HTYfOYhpjqm185dEb",
    "gEAQMSxGAEZO9tiHLkEiVg5cGXJUuRa2pWmShTijsFmkePOBAs9ff/h0fJcHJJvOyGvYdBsvoUbjWuf1np0YMBfTxc",
    "sNwkn71S8vouhVCpUEg4JuyXOwewMn32XN99sg8BMEF4LnYnFCvBz5KYq4I8t3mlOCuQDDp0nadBmxuXHLIdJFCvtG",
    "9HMRqgWBFtxX0TGl3WlHVavC4dL7Mzy5DJKafelcHd9wIDAQAB",
)
RECORD = "".join(STRINGS)
IN_ZONE = " ".join(f'"{each}"' for each in STRINGS)
