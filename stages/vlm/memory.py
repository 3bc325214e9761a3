"""Memory: owns measuring how much image prefixes may take, and copies to and from a GPU without waiting.

By arithmetic, a prefix of LLaVA-1.5 has 614 positions of 2 · layers · width · 2 bytes: 0.32 GB for 7B and
0.50 GB for 13B; in pinned memory, which comes in powers of two, 0.54 GB for either. On a card of 24 GB,
beside 7B's weights in bfloat16, 8 or 4 bits (14, 8 or 5 GB) and the work of two rows, 18, 34 or 41 prefixes
find room, and 95 more in 64 GB of free host memory. Does not own the prefixes (`prefix`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
import torch

Place = Literal["device", "host"]
HEADROOM = 0.2  # share of the free memory left alone: others need some, and allocators waste some
CGROUPS = (  # limit, use and the part of it that the kernel gives back when asked: version 2, version 1
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


@dataclass(frozen=True)
class Room:
    """Bytes that kept prefixes may take on the device and, to be copied from there, in host memory."""

    device: int
    host: int

    @classmethod
    def measured(cls, device: torch.device, working: int, limit: int | None = None) -> "Room":
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

    def taken(self, size: int) -> tuple[Place | None, "Room"]:
        """Where a prefix of `size` bytes finds room, None for nowhere, and the room that is left then."""
        pinned = 1 << (size - 1).bit_length()  # torch takes pinned memory in powers of two
        if size <= self.device:
            return "device", Room(self.device - size, self.host)
        if pinned <= self.host:
            return "host", Room(self.device, self.host - pinned)
        return None, self


def move(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy to the device without making either side wait; the tensor itself where it is there already."""
    if device.type == "cpu" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def to_host(tensor: torch.Tensor) -> torch.Tensor:
    """Copy to host memory, pinned if from a GPU, without waiting: read the copy on the same stream."""
    pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
    return pinned.copy_(tensor, non_blocking=True)


def host_available(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes of host memory that may still be taken: what the system has, within the limits of our cgroups."""
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
    for limit, use, spare in CGROUPS:
        if (folder / limit).is_file() and (folder / limit).read_text().strip().isdigit():
            numbers = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            used = int((folder / use).read_text()) - int(numbers.get(spare, 0))
            return max(0, int((folder / limit).read_text()) - used)
    return None
