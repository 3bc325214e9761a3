"""How much memory image prefixes may take, and copies to a GPU without waiting.

By arithmetic, a prefix of LLaVA-1.5 has 614 positions of 2 · layers · width · 2 bytes: 0.32 GB for 7B and
0.50 GB for 13B. Beside 13B's weights and the training of one row, a card of 80 GB has room for about a
hundred (tests/unit/test_vlm_kv_cache.py).
"""

from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

HEADROOM = 0.1  # share of the free memory left alone: others need some, and allocators waste some
CGROUPS = (  # limit, use and the part of it that the kernel gives back when asked: version 2, version 1
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


@dataclass(frozen=True)
class MemoryBudget:
    """Bytes that kept prefixes may take on the device and, to be copied from there, in host memory."""

    device: int
    host: int

    @classmethod
    def measure(cls, device: torch.device, working: int, limit: int | None = None) -> "MemoryBudget":
        """Measure what is free now.

        Args:
            device: of the model. For a CPU, host memory is the device's.
            working: bytes that computing needs on the device.
            limit: bytes for device and host together; None for no limit but what is free.

        """
        host = host_available()
        if device.type == "cpu":
            free, host = host, 0
        else:  # what torch holds without using it is free, on either side
            free, _ = torch.cuda.mem_get_info(device)
            free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
            pinned = torch.cuda.host_memory_stats()  # empty before the first use
            host += pinned.get("allocated_bytes.current", 0) - pinned.get("active_bytes.current", 0)
        free, host = (int(room * (1 - HEADROOM)) for room in (free, host))
        free = max(0, free - working)
        if limit is not None:
            free = min(free, limit)
            host = min(host, limit - free)
        return cls(free, host)


class HostMemory:
    """Host memory in few large blocks, pinned if it is to be copied to a GPU.

    torch takes pinned memory in powers of two: a block for every prefix would waste up to half of it.
    """

    def __init__(self, limit: int, pinned: bool) -> None:
        """Take up to `limit` bytes, as they are asked for."""
        self._left, self._pinned = limit, pinned
        self._block = torch.empty(0, dtype=torch.uint8)  # what is left of the last one

    def take(self, size: int, count: int) -> torch.Tensor | None:
        """Give `size` bytes as (size,) uint8 on the CPU; None if there is no room.

        As many will be asked for `count` times more.
        """
        if len(self._block) < size:
            block = block_size(self._left, size, count + 1)
            if not block:
                return None
            self._left -= block
            self._block = torch.empty(block, dtype=torch.uint8, pin_memory=self._pinned)
        place, self._block = self._block[:size], self._block[size:]
        return place


def block_size(left: int, size: int, count: int) -> int:
    """Bytes of the next block for `count` tensors of `size` bytes in the `left` bytes; 0 if none has room.

    A power of two: the largest that they fill, or the smallest that holds one.
    """
    block = max(_power_within(min(left, count * size)), 1 << (size - 1).bit_length())
    return block if block <= left else 0


def _power_within(limit: int) -> int:
    return 1 << (limit.bit_length() - 1) if limit else 0


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a tensor of any shape and dtype to the device without making either side wait.

    The tensor itself is returned where it is there already; else it is pinned in host memory first.
    """
    if device.type == "cpu" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def host_available(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Count the bytes of host memory that may still be taken, within the limits of our cgroups."""
    available = [psutil.virtual_memory().available]
    for line in own.read_text().splitlines() if own.is_file() else []:
        _, controllers, name = line.split(":", 2)
        if controllers in ("", "memory"):
            folder = groups / controllers / name.strip("/")
            available += [
                left for at in (folder, *folder.parents) if (left := _left_in_group(at)) is not None
            ]
    return min(available)


def _left_in_group(folder: Path) -> int | None:
    """Bytes left under the limit of a control group; None where it has none."""
    for limit, use, reclaimable in CGROUPS:
        if (folder / limit).is_file() and (folder / limit).read_text().strip().isdigit():
            numbers = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            used = int((folder / use).read_text()) - int(numbers.get(reclaimable, 0))
            return max(0, int((folder / limit).read_text()) - used)
    return None
