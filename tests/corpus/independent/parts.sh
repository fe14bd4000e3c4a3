# Where the independent decoders are: read by `install`, never run by itself. Sets decoders_home (a folder of the
# user's cache, which may not exist yet) and python (empty where there is none that can make such a folder).

decoders_home="${XDG_CACHE_HOME:-$HOME/.cache}/hinge/decoders-$(sed 's/==/-/' "$(dirname "${BASH_SOURCE[0]}")/requirements.txt")"

python=
if command -v python3 > /dev/null && python3 -c 'import ensurepip, venv' 2> /dev/null; then
  python="$(command -v python3)"
fi
