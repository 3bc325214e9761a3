"""What every stage shares: parameters, paths, table schemas, canonical files, seeds, safe image loading.

Modules are imported one by one (`from common.core import io`), never re-exported here, so that dvc.yaml can
name exactly the modules each stage depends on.
"""
