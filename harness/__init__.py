"""Proves which clients an Apache httpd with mutual TLS lets in, and which it keeps out."""
