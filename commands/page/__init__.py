"""A page on this machine to talk with subjects, add some and delete some.

Owns what is seen and clicked. Does not own what is said (`common.assistant`), what photos must be like
(`commands.add`), or how a subject is learned (the pipeline): the last two are run as a user would.
"""
