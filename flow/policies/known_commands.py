"""Table of programs: which need the network, run other programs, write files or only read.

A program that is not named here needs nothing: without the network and outside paths it merely fails in the sandbox.
"""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


# Reach for the network whatever their arguments are.
NETWORK = words("""
    curl wget wget2 aria2c axel http https xh curlie httpie ssh scp sftp mosh sshfs autossh ssh-copy-id ssh-keyscan
    ping ping6 fping arping traceroute traceroute6 tracepath mtr dig nslookup host drill whois delv resolvectl
    nc ncat netcat socat telnet ftp lftp tftp ncftp rclone nmap masscan zmap tcpdump lynx links elinks w3m
    gh glab hub tea az aws gcloud gsutil kubectl helm terraform tofu pulumi heroku flyctl fly vercel netlify wrangler
    firebase doctl linode-cli hcloud eksctl ansible ansible-playbook ansible-galaxy skopeo oras crane cosign
    yt-dlp youtube-dl gallery-dl s3cmd mc restic sendmail mail mailx mutt swaks uvx bunx twine ollama
    huggingface-cli hf wscat websocat grpcurl iperf iperf3 speedtest ngrok cloudflared tailscale openvpn wg
    ntpdate chronyd sntp rdate finger irssi weechat
""")

# Reach for the network with these first arguments. A `*` stands for "without any argument".
NETWORK_SUBCOMMANDS = {
    "pip": words("install download wheel index search"),
    "uv": words("add remove sync lock python publish self tool"),
    "uv pip": words("install sync compile download"),
    "poetry": words("install add update lock publish self sync remove"),
    "pdm": words("install add update lock publish sync remove"),
    "pipenv": words("install update sync lock upgrade *"),
    "hatch": words("publish dep"),
    "conda": words("install create update search env upgrade"),
    "npm": words(
        "install i in ins inst insta isntall add ci clean-install install-test it cit update up upgrade publish"
        " unpublish view v info show search s find audit outdated login adduser whoami ping init create exec x star"
        " dist-tag owner access deprecate doctor pack-remote"
    ),
    "yarn": words("install add up upgrade upgrade-interactive publish info audit outdated dlx create global npm *"),
    "pnpm": words("install i add update up upgrade publish dlx create audit outdated fetch import view"),
    "bun": words("install i add update upgrade publish x create outdated"),
    "deno": words("install add cache upgrade publish outdated"),
    "cargo": words("install add update fetch search publish login logout owner yank generate-lockfile info binstall"),
    "rustup": words("update install toolchain target component self default"),
    "go": words("get install"),
    "go mod": words("download tidy"),
    "gem": words("install update fetch search push outdated"),
    "bundle": words("install update add outdated package *"),
    "composer": words("install update require global create-project search outdated audit"),
    "dotnet": words("restore nuget tool workload"),
    "nuget": words("install restore push update"),
    "mvn": words("deploy dependency:resolve dependency:get dependency:go-offline release:perform"),
    "gradle": words("publish"),
    "mix": words("deps.get deps.update hex.publish local.hex archive.install"),
    "cabal": words("update install get upload"),
    "stack": words("update setup upload"),
    "opam": words("install update upgrade"),
    "luarocks": words("install search download upload"),
    "cpan": words("*"),
    "apt-get": words("download source"),
    "apt": words("download source"),
    "playwright": words("install"),
    "pre-commit": words("install-hooks autoupdate"),
    "pipx": words("install run upgrade upgrade-all inject reinstall"),
    "hg": words("pull push clone incoming outgoing"),
    "svn": words("checkout co update up commit ci log info switch export import ls list cat merge"),
    "openssl": words("s_client s_time ocsp"),
    "getent": words("hosts ahosts ahostsv4 ahostsv6"),
}
# Reach for the network with any of these options.
NETWORK_OPTIONS = {
    "gpg": words("--recv-keys --keyserver --search-keys --send-keys --refresh-keys --locate-keys --fetch-keys"),
    "pip": words("--outdated -o --index-url -i --extra-index-url"),
    "git": words("--remote"),
    "hg": words("--remote"),
}
# Other names of the programs above.
SAME_AS = {
    "pip3": "pip", "pip2": "pip", "mamba": "conda", "micromamba": "conda", "gradlew": "gradle", "mvnw": "mvn",
    "gawk": "awk", "mawk": "awk", "nawk": "awk", "gsed": "sed", "nodejs": "node", "cpanm": "cpan", "gtar": "tar",
    "bsdtar": "tar", "gfind": "find", "fdfind": "fd", "egrep": "grep", "fgrep": "grep", "zgrep": "grep",
    "ripgrep": "rg", "batcat": "bat", "podman-compose": "podman", "docker-compose": "docker", "nerdctl": "docker",
}  # fmt: skip
# npx runs these when a project has installed them; where it has not, npx fails without the network.
LOCAL_NODE_TOOLS = words("""
    tsc eslint prettier jest vitest mocha ava tap tsx ts-node webpack vite rollup esbuild next nuxt astro svelte-check
    stylelint biome playwright cypress karma nyc c8 turbo nx lerna rimraf husky lint-staged commitlint babel swc
    tailwindcss postcss sass typedoc vue-tsc knip
""")

# No approval opens what these need: the sandbox has no root, no daemon of the system and no other process.
NEVER = words("""
    sudo su doas pkexec runuser sudoedit visudo passwd chpasswd useradd usermod userdel groupadd adduser deluser
    docker podman lxc incus nerdctl buildah machinectl virsh vagrant
    systemctl service systemd-run loginctl busctl dbus-send gdbus launchctl initctl rc-service
    mount umount losetup cryptsetup mkfs fdisk parted mkswap swapon insmod modprobe rmmod sysctl iptables nft ufw
    firewall-cmd ip6tables shutdown reboot halt poweroff telinit kexec
    chroot nsenter unshare bwrap firejail setcap setpriv capsh
    crontab at batch atd anacron snap flatpak dnf yum zypper pacman apk brew port dpkg-reconfigure update-alternatives
    osascript defaults security powershell pwsh cmd.exe powershell.exe wsl.exe
""")
NEVER_SUBCOMMANDS = {
    "apt": words("install remove purge upgrade full-upgrade update dist-upgrade autoremove edit-sources clean"),
    "apt-get": words("install remove purge upgrade update dist-upgrade autoremove build-dep clean autoclean"),
    "dpkg": words("-i --install -r --remove -P --purge --configure -a --unpack"),
    "rpm": words("-i -U -e -F -ivh -Uvh --install --upgrade --erase"),
    "ip": words("netns"),
}

# Run the command that follows their options. The options listed take a value of their own.
WRAPPERS = {
    "env": words("-u --unset -C --chdir -P"),
    "timeout": words("-s --signal -k --kill-after"),
    "nohup": words(""),
    "nice": words("-n --adjustment"),
    "ionice": words("-c -n -p --class --classdata"),
    "chrt": words("-T -P -D"),
    "taskset": words(""),
    "numactl": words("-N -m -C -p"),
    "time": words("-f -o --format --output"),
    "stdbuf": words("-i -o -e --input --output --error"),
    "unbuffer": words(""),
    "setsid": words(""),
    "command": words(""),
    "builtin": words(""),
    "exec": words("-a"),
    "coproc": words(""),
    "xargs": words(
        "-a -d -E -I -L -n -P -s --arg-file --delimiter --max-args --max-lines --max-procs --max-chars --replace-with"
    ),
    "parallel": words("-j --jobs -I --colsep -a --arg-file -N -n"),
    "watch": words("-n --interval"),
    "entr": words(""),
    "strace": words("-o -e -p -s -u -E -a -b -I -O -S -P -X"),
    "ltrace": words("-o -e -p -s -u -a -n"),
    "catchsegv": words(""),
    "valgrind": words(""),
    "perf": words("-e -o"),
    "setarch": words(""),
    "flock": words("-w --timeout -E --conflict-exit-code"),
    "script": words("-c -O -I -B -T"),
    "busybox": words(""),
    "toybox": words(""),
    "proxychains": words("-f"),
    "torsocks": words(""),
    "caffeinate": words("-t -w"),
    "direnv": words(""),
    "dotenv": words("-f"),
    "sudo": words("-u -g -h -p -C -D -R -T -U --user --group"),
    "doas": words("-u -C"),
    "faketime": words(""),
    "prlimit": words(""),
    "systemd-inhibit": words(""),
    "ssh-agent": words("-a -t"),
    "dbus-run-session": words(""),
    "xvfb-run": words("-e -f -n -p -s -w"),
}
# Of these wrappers so many plain words stand before the command: `timeout 5 ls`.
WORDS_BEFORE = {"timeout": 1, "taskset": 1, "setarch": 1, "flock": 1, "faketime": 1, "chrt": 1, "direnv": 2, "perf": 1}
# `uv run pytest`: the command stands after this first argument.
RUN_SUBCOMMANDS = {
    "uv": "run", "poetry": "run", "pdm": "run", "pipenv": "run", "hatch": "run", "conda": "run", "rye": "run",
    "bundle": "exec", "npm": "exec", "pnpm": "exec", "yarn": "exec", "rustup": "run", "pixi": "run", "mise": "exec",
    "asdf": "exec", "dotenvx": "run", "op": "run", "doppler": "run", "nix-shell": "--run",
}  # fmt: skip

SHELLS = words("sh bash dash zsh ksh mksh ash fish csh tcsh rbash")
# Programs that run code given in an argument, by the options before it.
CODE_OPTIONS = {
    "python": words("-c"), "python2": words("-c"), "python3": words("-c"), "pypy3": words("-c"),
    "ipython": words("-c"), "node": words("-e --eval -p --print -pe"), "bun": words("-e --eval -p"),
    "perl": words("-e -E -ne -pe -ie -nE -lne -lane"), "ruby": words("-e -ne -pe"), "php": words("-r -B -R -E"),
    "lua": words("-e"), "luajit": words("-e"), "Rscript": words("-e"), "R": words("-e"), "julia": words("-e -E"),
    "deno": words("eval"), "elixir": words("-e"), "ghc": words("-e"), "scala": words("-e"), "groovy": words("-e"),
    "emacs": words("--eval -eval"),
}  # fmt: skip
# Options whose value is a command that bash or the program itself runs.
COMMAND_OPTIONS = {
    "find": words("-exec -execdir -ok -okdir"),
    "fd": words("-x --exec -X --exec-batch"),
    "rg": words("--pre --hostname-bin"),
    "sort": words("--compress-program"),
    "tar": words("--to-command --use-compress-program -I --checkpoint-action --rsh-command --info-script -F"),
    "go": words("-exec -toolexec"),
    "man": words("--html -H --pager -P"),
    "zip": words("-TT --unzip-command"),
    "rsync": words("-e --rsh --rsync-path"),
    "git": words("--exec -x"),
    "vim": words("-c --cmd +"), "vi": words("-c +"), "nvim": words("-c --cmd +"), "ex": words("-c +"),
    "make": words("--eval SHELL"),
    "split": words("--filter"),
    "hyperfine": words("-p --prepare -s --setup -c --cleanup"),
    "nodemon": words("--exec -x"),
    "script": words("-c -qc -qec --command"),
    "flock": words("-c --command"),
    "gdb": words("-ex --eval-command -iex"), "lldb": words("-o -O"),
    "sqlite3": words("-cmd"), "less": words("+"), "mysql": words("--pager"), "psql": words("-c --command"),
    "nix-shell": words("--run --command"), "tmux": words("new-session new split-window"), "screen": words("-X"),
    "xterm": words("-e"), "ssh": words("-o"),
}  # fmt: skip
# Variables whose value is run as a command by what is started with them, and those that change what a name means.
COMMAND_VARIABLES = words("""
    PAGER GIT_PAGER MANPAGER EDITOR VISUAL GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_SSH GIT_SSH_COMMAND GIT_ASKPASS
    SSH_ASKPASS GIT_EXTERNAL_DIFF GIT_PROXY_COMMAND BROWSER PROMPT_COMMAND LESSOPEN LESSCLOSE RSYNC_RSH CVS_RSH
    BASH_ENV ENV PS4 PS1 PYTHONSTARTUP PYTHONBREAKPOINT RIPGREP_CONFIG_PATH TAR_OPTIONS SHELL MAKEFLAGS
    npm_config_script_shell PYTHONWARNINGS
""")
DISGUISING_VARIABLES = words("""
    PATH IFS LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES BASH_FUNC BASHOPTS SHELLOPTS HOME CDPATH
    GIT_DIR GIT_WORK_TREE GIT_EXEC_PATH GIT_CONFIG GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS GIT_CONFIG_GLOBAL
    GIT_CONFIG_SYSTEM GIT_TEMPLATE_DIR GIT_INDEX_FILE GIT_OBJECT_DIRECTORY XDG_CONFIG_HOME
    PERL5OPT PERL5LIB RUBYOPT NODE_OPTIONS PYTHONHOME PIP_CONFIG_FILE PIP_INDEX_URL PIP_EXTRA_INDEX_URL UV_INDEX_URL
    http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
""")

# Their paths are written: every argument of the first kind, the last one of the second, the option's of the third.
WRITES_ALL = words("rm rmdir mkdir touch tee truncate chmod chown chgrp shred unlink mkfifo mknod mv setfacl chattr")
WRITES_LAST = words("cp install ln rsync scp")
WRITES_OPTION = {
    "tar": words("-C --directory"), "unzip": words("-d"), "wget": words("-O -P"), "curl": words("-o"),
    "cp": words("-t --target-directory"), "install": words("-t"), "ln": words("-t"), "patch": words("-o -d"),
    "sort": words("-o --output"), "gcc": words("-o"), "cc": words("-o"), "clang": words("-o"), "g++": words("-o"),
    "ld": words("-o"), "go": words("-o"), "rustc": words("-o --out-dir"), "7z": words("-o"),
    "ssh-keygen": words("-f"), "openssl": words("-out"), "gpg": words("-o --output"), "base64": words("-o"),
    "find": words("-fprint -fprintf -fls -fprint0"), "pip": words("-t --target --prefix --root"),
    "npm": words("--prefix"), "tree": words("-o"),
}  # fmt: skip
# What they are given is text, or text first and paths after it.
TEXT_ONLY = words("echo printf : true false test [ expr seq let export declare typeset local readonly unset sleep")
TEXT_FIRST = words("grep rg ag ack sed awk jq yq perl tr fd")
# Take files: a word of theirs that looks like a path is one.
READS_FILES = words("""
    cat head tail less more bat tac nl wc ls ll dir tree stat file find du df grep rg ag ack sed awk sort uniq cut paste
    diff cmp comm xxd od hexdump strings md5sum sha1sum sha256sum sha512sum cksum b2sum base64 readlink realpath
    source . cd pushd cp mv install ln rsync tar zip unzip gzip gunzip zcat xz bzip2 7z dd split jq yq open nano vim vi
    emacs code perl ruby bash sh make pandoc convert sqlite3 gpg openssl age scp column
""")

# Change nothing, whatever their arguments are but for the options that are looked at elsewhere.
ONLY_READS = words("""
    ls dir cat head tail wc grep rg ag tree stat file du df pwd echo printf true false test [ : uniq cut tr diff cmp comm
    nl tac rev column basename dirname realpath readlink whoami id uname printenv which type xxd od hexdump strings
    md5sum sha1sum sha256sum sha512sum cksum b2sum seq expr sleep cd fd find sort ps free uptime nproc lscpu jq fold
    paste join fmt numfmt getconf locale tput pgrep lsof cloc tokei scc bat git env time timeout nice command
    xargs sed awk export date hostname groups arch history wait exit return break continue shift set
""")
READING_SUBCOMMANDS = {
    "pip": words("list show freeze check --version -V"),
    "npm": words("ls list ll --version -v prefix root bin"),
    "cargo": words("tree metadata --version -V --list"),
    "go": words("list env version vet doc"),
    "python": words("--version -V"), "python3": words("--version -V"), "node": words("--version -v"),
    "uv": words("--version tree"), "ruff": words("--version"), "mypy": words("--version"), "gcc": words("--version"),
    "make": words("--version -n"), "cmake": words("--version"), "rustc": words("--version -V"),
    "pytest": words("--version --collect-only"), "dpkg": words("-l -L -s"), "apt": words("list show search policy"),
    "apt-cache": words("search show policy"), "command": words("-v -V"),
}  # fmt: skip
CHANGING_OPTIONS = {
    "find": words("-delete -exec -execdir -ok -okdir -fprint -fprintf -fls -fprint0"),
    "fd": words("-x --exec -X --exec-batch"),
    "sort": words("-o --output --compress-program -T --temporary-directory"),
    "rg": words("--pre --hostname-bin"),
    "tree": words("-o"), "file": words("-C --compile"), "xxd": words("-r -revert"), "date": words("-s --set"),
    "bat": words("--pager"), "yq": words("-i --inplace"), "jq": words("-i"),
    "ag": words("--pager"), "hostname": words("-F -b --file"), "time": words("-o --output"),
    "env": words("-S --split-string"),
}  # fmt: skip
