"""The middleware around the app. `create_app` has its order."""
