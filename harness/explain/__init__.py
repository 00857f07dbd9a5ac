"""Why is a client refused?"""
