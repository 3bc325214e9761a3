"""Answer questions over HTTP as OpenAI's chat completions: many clients, one model, any method and subjects.

    command      the command line, the address and the token
    app          the routes, limits of size and time
    answers      streams, and clients that leave
    guard        who may ask at all, and how many at once
    refusals     what went wrong, as a client is told it
    protocol     the forms of requests and replies
    question     a request as plain values, its photos checked
    scheduler    the one thread that uses the model: questions that wait together are answered together

What is said, and which earlier turns stay in view, is `common.assistant`'s business. Writes no file.
"""
