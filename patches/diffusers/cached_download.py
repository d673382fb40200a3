"""diffusers cannot be imported because huggingface_hub has no cached_download.

What happens: `ImportError: cannot import name 'cached_download' from 'huggingface_hub'` from
`import diffusers` followed by nearly anything, whatever the torch.

Why: huggingface_hub 0.26.0 removed the function, which 0.25.2 still had. diffusers imports it up to
0.28.2 and not any more since 0.29.0. Nothing is wrong with torch here; it is the pod's newer
huggingface_hub, which transformers wants, that does not fit an older diffusers.

The cure: the import may fail. In its place stands a function that does what diffusers used the other for:
it downloads one Python file, a community pipeline, from GitHub, and keeps it in the cache directory. It
asks GitHub every time and takes the kept file where there is no network, or where `local_files_only` or
HF_HUB_OFFLINE says so. Files that huggingface_hub kept before are not found.
Only where torch is held back below 2.5: on a newer one a newer diffusers is to be had.
"""

from surgeon.edits import GuardImport
from surgeon.patch import Case, Patch, exactly

FALLBACK = """\
def {name}(url, *, cache_dir=None, proxies=None, local_files_only=False, **kwargs):
    import hashlib
    import os
    import requests
    from huggingface_hub import constants
    folder = os.path.join(cache_dir or constants.HF_HUB_CACHE, "m3d-surgeon")
    path = os.path.join(folder, hashlib.sha256(url.encode()).hexdigest() + ".py")
    kept = os.path.exists(path)
    if local_files_only or constants.HF_HUB_OFFLINE:
        if not kept:
            raise FileNotFoundError(f"{url} is not in the cache, and downloads are switched off")
        return path
    try:
        response = requests.get(url, proxies=proxies, timeout=30)
    except (requests.ConnectionError, requests.Timeout):
        if not kept:
            raise
        return path
    response.raise_for_status()
    os.makedirs(folder, exist_ok=True)
    part = f"{path}.{os.getpid()}"
    with open(part, "wb") as file:
        file.write(response.content)
    os.replace(part, path)
    return path
"""

# What the file gets: the fallback, each line indented and marked.
INSERTED = "".join(
    f"    {line}  # m3d-surgeon: diffusers-cached-download\n"
    for line in FALLBACK.replace("{name}", "cached_download").splitlines()
)

PATCH = Patch(
    id="diffusers-cached-download",
    symptom=r"cannot import name 'cached_download' from 'huggingface_hub'",
    why=(
        "Importing diffusers 0.28 or older fails with ImportError: cannot import name 'cached_download' from "
        "'huggingface_hub', because huggingface_hub 0.26.0 removed that function."
    ),
    distribution="diffusers",
    versions="<0.29.0",
    when={"huggingface-hub": ">=0.26.0", "torch": "<2.5"},
    files=("diffusers/utils/dynamic_modules_utils.py",),
    needle=(b"cached_download",),
    transforms=(GuardImport("huggingface_hub.cached_download", FALLBACK),),
    expect=exactly(1, zero="the import is guarded or gone"),
    cases=(
        Case(
            before="""\
from huggingface_hub import cached_download, hf_hub_download, model_info


def fetch(url, name):
    return cached_download(url, cache_dir="cache"), hf_hub_download(name)
""",
            after=f"""\
from huggingface_hub import hf_hub_download, model_info
try:  # m3d-surgeon: diffusers-cached-download
    from huggingface_hub import cached_download  # m3d-surgeon: diffusers-cached-download
except ImportError:  # m3d-surgeon: diffusers-cached-download
{INSERTED}

def fetch(url, name):
    return cached_download(url, cache_dir="cache"), hf_hub_download(name)
""",
        ),
    ),
    unchanged=(
        """\
try:
    from huggingface_hub import cached_download
except ImportError:
    from .download import cached_download
""",
        """\
from .hub import cached_download
from huggingface_hub import hf_hub_download
""",
    ),
    probe="import diffusers.utils.dynamic_modules_utils",
    upstream="https://github.com/huggingface/diffusers/releases/tag/v0.29.0",
)
