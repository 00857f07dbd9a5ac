"""How fast is the harness, next to what others use for the same work?"""
