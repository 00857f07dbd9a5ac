"""Proves which clients an Apache httpd with mutual TLS admits, and which it refuses."""
