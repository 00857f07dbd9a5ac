"""What does httpd do with a request, by its configuration, and what does its log say of it?"""
