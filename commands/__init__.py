"""What people run by hand, one package each; no stage of dvc.yaml runs or imports it."""
