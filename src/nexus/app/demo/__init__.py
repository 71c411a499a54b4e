"""`nexus demo`: the main job, end to end, on real health data, in under three minutes.

Everything is done the way that its people would do it: the `nexus` command, operations over REST, boto3 over S3. Nothing
reaches around a door, except where the demonstration plays the thief: it reads files and tampers with copies.

Promises: it works again and again; it touches nothing outside its own directory; it leaves the platform up.
Its words: a *step* is a numbered part of the story; the *stage* is the terminal; *scenery* is the platform on this machine.
"""
