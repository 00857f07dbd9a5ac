"""What is wrong with real files, and would a client be admitted by them?"""
