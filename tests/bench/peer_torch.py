#!/usr/bin/env python3
"""The three jobs of `ebb bench` in plain PyTorch, as a yardstick.

Same shapes, same counts: a pre-norm decoder with RMSNorm, rotary angles, biases on the query, key
and value projections, SwiGLU of 4 x width and a tied head; float32; random tokens.

    train   forward, mean cross-entropy, backward, gradient clipping, AdamW
    sample  full-length responses with a preallocated key/value cache
    rl      sample groups, reward the share of tokens that are their predecessor plus one,
            group-normalised advantages, one clipped update

--micro N trains N sequences a pass and adds the gradients up (0: the whole batch in one pass);
--compile train hands the model to torch.compile for training, --compile all for decoding, too, where
lengths vary. Which of these is the fastest depends on width, version and processor.

Prints one line of JSON. tokens_per_s counts trained tokens (train) or generated ones (sample, rl)
over the fastest iteration after a warm-up.
"""
import argparse
import json
import os
import statistics
import time

flags = argparse.ArgumentParser(description=__doc__.split("\n")[0])
flags.add_argument("--mode", choices=["train", "sample", "rl"], default="train")
for name, value in dict(width=64, layers=2, threads=1, batch=256, seq=64, prompt=8, vocab=64,
                        group=8, iters=5, micro=0).items():
    flags.add_argument("--" + name, type=int, default=value)
flags.add_argument("--compile", choices=["none", "train", "all"], default="none")
flags.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
a = flags.parse_args()
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(a.threads)  # read once, when torch loads its libraries

try:
    import torch
except ImportError:
    raise SystemExit(77)
from torch.nn import functional as F  # noqa: E402

if a.device == "cuda":
    if not torch.cuda.is_available():
        raise SystemExit(77)
    torch.set_default_device("cuda")
torch.set_num_threads(a.threads)
torch.manual_seed(0)
HEADS = max(2, a.width // 32)
D = a.width // HEADS
RESPONSE = a.seq - a.prompt


def parameter(*shape, deviation=None):
    """Normal with the given deviation, 1/sqrt(inputs) by default; one row means zeros."""
    if len(shape) == 1:
        return torch.zeros(shape, requires_grad=True)
    w = torch.randn(shape) * (deviation or shape[1] ** -0.5)
    return w.requires_grad_()


embed = parameter(a.vocab, a.width, deviation=0.05)
final_norm = torch.ones(a.width, requires_grad=True)
LAYERS = [dict(attn_norm=torch.ones(a.width, requires_grad=True),
               qkv=parameter(3 * a.width, a.width), qkv_bias=parameter(3 * a.width),
               attn_out=parameter(a.width, a.width),
               ffn_norm=torch.ones(a.width, requires_grad=True),
               gate_up=parameter(8 * a.width, a.width),
               down=parameter(a.width, 4 * a.width)) for _ in range(a.layers)]
PARAMETERS = [embed, final_norm] + [w for layer in LAYERS for w in layer.values()]

frequency = 1e4 ** (-torch.arange(0, D, 2) / D)
angle = torch.outer(torch.arange(a.seq + 1), frequency).repeat(1, 2)
COS, SIN = angle.cos(), angle.sin()
CAUSAL = torch.full((a.seq + 1, a.seq + 1), float("-inf")).triu(1)
FUSED_ATTENTION = getattr(F, "scaled_dot_product_attention", None)


def optimizer():
    """The fastest AdamW this version runs on the CPU: fused, over lists, or plain."""
    rule = dict(lr=1e-3, betas=(0.9, 0.95), weight_decay=0.01)
    for kind in ({"fused": True}, {"foreach": True}, {}):
        try:
            trial = torch.optim.AdamW([torch.zeros(2, requires_grad=True)], **kind, **rule)
            trial.param_groups[0]["params"][0].grad = torch.zeros(2)
            trial.step()
            return torch.optim.AdamW(PARAMETERS, **kind, **rule), next(iter(kind), "plain")
        except (TypeError, RuntimeError, ValueError):
            continue
    raise SystemExit("no AdamW works")


def rms(x, gain):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * gain


def rotate(x, cos, sin):
    low, high = x.chunk(2, -1)
    return x * cos + torch.cat((-high, low), -1) * sin


def attend(q, k, v):
    if FUSED_ATTENTION:
        return FUSED_ATTENTION(q, k, v, is_causal=q.shape[2] > 1)
    score = q @ k.transpose(-1, -2) * D ** -0.5
    if q.shape[2] > 1:
        score = score + CAUSAL[:q.shape[2], :q.shape[2]]
    return score.softmax(-1) @ v


def logits(token, cache=None, start=0, first=0):
    """Logits of the positions from `first` on; keys and values go into the cache, if any."""
    B, T = token.shape
    cos, sin = COS[start:start + T], SIN[start:start + T]
    x = embed[token]
    for i, w in enumerate(LAYERS):
        qkv = F.linear(rms(x, w["attn_norm"]), w["qkv"], w["qkv_bias"])
        q, k, v = (part.view(B, T, HEADS, D).transpose(1, 2) for part in qkv.chunk(3, -1))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if cache is not None:
            cache[i][0][:, :, start:start + T] = k
            cache[i][1][:, :, start:start + T] = v
            k, v = (half[:, :, :start + T] for half in cache[i])
        y = attend(q, k, v).transpose(1, 2).reshape(B, T, a.width)
        x = x + F.linear(y, w["attn_out"])
        gate, up = F.linear(rms(x, w["ffn_norm"]), w["gate_up"]).chunk(2, -1)
        x = x + F.linear(F.silu(gate) * up, w["down"])
    return F.linear(rms(x[:, first:], final_norm), embed)


PASS = a.micro or a.batch
train_logits = torch.compile(logits, dynamic=False) if a.compile != "none" else logits
decode_logits = torch.compile(logits, dynamic=True) if a.compile == "all" else logits
CACHE = [torch.zeros(2, a.batch, HEADS, a.seq, D) for _ in range(a.layers)]
ADAMW, ADAMW_KIND = optimizer()


def update(loss):
    """One step on the mean over the batch of loss(first, last), the mean over some of its rows."""
    ADAMW.zero_grad(set_to_none=True)
    total = 0.0
    for first in range(0, a.batch, PASS):
        last = min(a.batch, first + PASS)
        part = loss(first, last) * ((last - first) / a.batch)
        part.backward()
        total += float(part.detach())
    torch.nn.utils.clip_grad_norm_(PARAMETERS, 1.0)
    ADAMW.step()
    return total


@torch.inference_mode()
def sample(prompt):
    token = torch.empty(a.batch, a.seq, dtype=torch.long)
    logp = torch.empty(a.batch, RESPONSE)
    token[:, :a.prompt] = prompt
    z = logits(prompt, CACHE, first=a.prompt - 1)
    for t in range(a.prompt, a.seq):
        lp = z[:, -1].log_softmax(-1)
        drawn = torch.multinomial(lp.exp(), 1)
        token[:, t:t + 1] = drawn
        logp[:, t - a.prompt] = lp.gather(1, drawn)[:, 0]
        if t + 1 < a.seq:
            z = decode_logits(drawn, CACHE, start=t)
    return token, logp


def train_job(data):
    def loss(first, last):
        z = train_logits(data[first:last, :-1])
        return F.cross_entropy(z.reshape(-1, a.vocab), data[first:last, 1:].reshape(-1))

    update(loss)


def sample_job(data):
    sample(data[:, :a.prompt])


def rl_job(data):
    groups = a.batch // a.group
    token, old = sample(data[:groups, :a.prompt].repeat_interleave(a.group, 0))
    token, old = token.clone(), old.clone()  # out of inference mode
    follows = token[:, a.prompt:] == (token[:, a.prompt - 1:-1] + 1) % a.vocab
    reward = follows.float().mean(1).view(groups, a.group)
    advantage = reward - reward.mean(1, keepdim=True)
    advantage = advantage / (reward.std(1, unbiased=False, keepdim=True) + 1e-4)
    advantage = advantage.view(-1, 1)

    def loss(first, last):
        rows = token[first:last]
        z = train_logits(rows[:, :-1], first=a.prompt - 1)
        logp = z.log_softmax(-1).gather(2, rows[:, a.prompt:, None])[..., 0]
        ratio = (logp - old[first:last]).exp()
        gain = advantage[first:last]
        return -torch.minimum(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()

    update(loss)


def matrix_library():
    """File name of the library that multiplies matrices, and its rate on one of 512 x 512."""
    name = "built in"
    try:
        with open("/proc/self/maps") as maps:
            for line in maps:
                file = os.path.realpath(line.split()[-1]) if "/" in line else ""
                base = os.path.basename(file)
                if base.startswith(("libopenblas", "libblis", "libmkl_core", "libblas")):
                    name = base
                    break
    except OSError:
        name = "unknown"
    x, y = torch.randn(512, 512), torch.randn(512, 512)
    best = float("inf")
    for _ in range(4):
        began = time.perf_counter()
        x @ y
        best = min(best, time.perf_counter() - began)
    return name, 2e-9 * 512 ** 3 / best


def clock():
    if a.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


job = {"train": train_job, "sample": sample_job, "rl": rl_job}[a.mode]
WARM_UP = 1 if a.compile == "none" and a.device == "cpu" else 3  # compiling takes place in the first calls
seconds = []
for iteration in range(WARM_UP + a.iters):
    data = torch.randint(0, a.vocab, (a.batch, a.seq + 1))
    began = clock()
    job(data)
    seconds.append(clock() - began)
seconds = seconds[WARM_UP:]
tokens = a.batch * (a.seq if a.mode == "train" else RESPONSE)
library, gflops = matrix_library()
print(json.dumps({
    "peer": "torch " + torch.__version__, "mode": a.mode, "device": a.device, "width": a.width, "layers": a.layers,
    "threads": a.threads, "parameters": sum(w.numel() for w in PARAMETERS),
    "tokens_per_s": round(tokens / min(seconds), 1),
    "tokens_per_s_median": round(tokens / statistics.median(seconds), 1),
    "ms_best": round(1e3 * min(seconds), 3), "adamw": ADAMW_KIND,
    "micro": PASS, "compiled": a.compile,
    "fused_attention": FUSED_ATTENTION is not None, "blas": library,
    "matmul_gflops": round(gflops, 1)}))
