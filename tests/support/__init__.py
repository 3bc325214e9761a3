"""What tests share: tiny models, drawn subjects, hostile files, a small server."""
