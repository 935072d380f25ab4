"""What a request passes before the app, in the order of `create_app`."""
