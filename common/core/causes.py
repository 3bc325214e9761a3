"""Short names for what goes wrong with a request, under which a data card counts failures."""

CAUSES = (  # part of an error message → name in the data card; the first match counts
    ("deadline of the list", "deadline"),
    ("timed out", "timed out"),
    ("local address", "local address"),
    ("x-robots-tag", "opted out"),
    ("tdm-reservation", "opted out"),
    ("left alone", "host busy"),
    ("incompleteread", "truncated"),
    ("larger than", "too large"),
    ("connection refused", "connection refused"),
    ("name or service not known", "host not found"),
    ("name resolution", "host not found"),
    ("no address associated", "host not found"),
    ("nodename nor servname", "host not found"),
    ("connection reset", "connection lost"),
    ("closed connection", "connection lost"),
    ("broken pipe", "connection lost"),
    ("unknown url type", "not http"),
    ("certificate", "bad certificate"),
    ("control characters", "bad url"),
    ("no host given", "bad url"),
    ("nonnumeric port", "bad url"),
    ("port must be", "bad url"),
    ("label empty or too long", "bad url"),
    ("invalid ipv6 url", "bad url"),
)


def cause(message: str) -> str:
    """Short name of an error: no host, time or path in it, so that equal failures count as one."""
    text = message.lower()
    if text.startswith("http error "):  # what follows the number is the server's to say
        return "redirect loop" if "infinite loop" in text else f"http {text.split()[2].rstrip(':')}"
    return next((name for part, name in CAUSES if part in text), "other error")
