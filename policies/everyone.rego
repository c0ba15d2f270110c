package gateway

# METADATA
# title: What is open to everyone, signed in or not
ground("everyone") := "open to everyone"

# METADATA
# title: What every signed-in person may
ground("signed-in") := "signed in" if input.identity.subject
