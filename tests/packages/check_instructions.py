#!/usr/bin/env python3
"""Checks that programs and libraries hold no instruction above x86-64's baseline (SSE2).

    check_instructions.py PATH...     files, or folders whose ELF files are all read
    check_instructions.py --self-test

Vector instructions go by what is allowed, so that one that nobody thought of is refused: any
instruction with an xmm or mm register must be in the list of MMX, SSE and SSE2. Others go by what
is forbidden. There is no exception for any library: nothing in the package is chosen at run time.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

# MMX, SSE and SSE2 in AT&T's names. cvtsi2sd and its like may carry the integer's size.
ALLOWED = set("""
emms movd movq movaps movapd movups movupd movss movsd movhps movhpd movlps movlpd movhlps movlhps
movmskps movmskpd movdqa movdqu movq2dq movdq2q movntps movntpd movntdq movntq maskmovq maskmovdqu
addps addpd addss addsd subps subpd subss subsd mulps mulpd mulss mulsd divps divpd divss divsd
sqrtps sqrtpd sqrtss sqrtsd rcpps rcpss rsqrtps rsqrtss minps minpd minss minsd maxps maxpd maxss
maxsd andps andpd andnps andnpd orps orpd xorps xorpd ucomiss ucomisd comiss comisd
shufps shufpd unpcklps unpcklpd unpckhps unpckhpd
cvtpi2ps cvtps2pi cvttps2pi cvtpi2pd cvtpd2pi cvttpd2pi cvtsi2ss cvtsi2sd cvtss2si cvtsd2si
cvttss2si cvttsd2si cvtss2sd cvtsd2ss cvtps2pd cvtpd2ps cvtdq2ps cvtdq2pd cvtps2dq cvtpd2dq
cvttps2dq cvttpd2dq
paddb paddw paddd paddq paddsb paddsw paddusb paddusw psubb psubw psubd psubq psubsb psubsw psubusb
psubusw pmullw pmulhw pmulhuw pmuludq pmaddwd pavgb pavgw psadbw pminub pminsw pmaxub pmaxsw
pand pandn por pxor pcmpeqb pcmpeqw pcmpeqd pcmpgtb pcmpgtw pcmpgtd
psllw pslld psllq pslldq psrlw psrld psrlq psrldq psraw psrad
packsswb packssdw packuswb punpcklbw punpcklwd punpckldq punpcklqdq punpckhbw punpckhwd punpckhdq
punpckhqdq pshufw pshufd pshufhw pshuflw pextrw pinsrw pmovmskb
""".split())
COMPARE = re.compile(r"cmp(eq|lt|le|unord|neq|nlt|nle|ord)?(ps|pd|ss|sd)")  # cmpltps, cmpps
SIZED = re.compile(r"(cvtsi2s[sd]|cvtt?s[sd]2si)[lq]")

# Instructions on general registers that came later. Not here: tzcnt, which is how `rep bsf` reads;
# compilers write that for every processor, since an old one runs it as bsf.
FORBIDDEN = re.compile(r"""
    (andn|bextr|blsi|blsmsk|blsr|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx|adcx|adox|lzcnt|popcnt
     |movbe|crc32|fisttp|rdrand|rdseed|cmpxchg16b|lahf|sahf|monitor|mwait|xgetbv|xsave|xrstor|xsavec
     |xsaveopt|rdtscp|clflushopt|clwb|prefetchw|prefetchwt1|movdiri|movdir64b|serialize|xbegin|xend
     |xabort|xtest|rd[fg]sbase|wr[fg]sbase|ldtilecfg|tileloadd|tilezero|femms)[bwlqs]?(64)?
    """, re.VERBOSE)
NOT_VECTOR = {"verr", "verw"}  # the only old ones that begin with v
LINE = re.compile(r"^\s*[0-9a-f]+:\s+(.*)$")
PREFIXES = {"rep", "repz", "repnz", "lock", "bnd", "notrack", "data16", "addr32", "cs", "ds", "es",
            "fs", "gs", "ss", "rex", "rex.W", "rex.WR", "rex.WX", "rex.WB", "rex.X", "rex.B"}


def why_refused(text):
    """Why one disassembled instruction is above the baseline, or None."""
    text = re.sub(r"<[^>]*>", "", text.split("#")[0])
    words = text.split()
    while words and words[0] in PREFIXES:
        words.pop(0)
    if not words:
        return None
    name, operands = words[0], " ".join(words[1:])
    if "(bad)" in text:
        return "no instruction"
    if re.search(r"%[yz]mm\d|%k[0-7]|%tmm", operands):
        return "a register of AVX or later"
    if name.startswith("v") and name not in NOT_VECTOR:
        return "AVX or later"
    if re.search(r"%x?mm\d", operands):
        if name == "pextrw" and operands.endswith(")"):
            return "SSE4.1"
        if not (name in ALLOWED or COMPARE.fullmatch(name) or SIZED.fullmatch(name)):
            return "a vector instruction above SSE2"
        if re.search(r"%xmm(1[6-9]|2\d|3[01])", operands):
            return "a register of AVX-512"
    elif FORBIDDEN.fullmatch(name):
        return "an instruction that came after x86-64"
    return None


def refused(path):
    """The refused instructions of a file, one text each, and how many instructions there are."""
    lines, count, function = [], 0, "?"
    run = subprocess.Popen(["objdump", "-d", "--no-show-raw-insn", "-w", str(path)], text=True,
                           stdout=subprocess.PIPE)
    for line in run.stdout:
        if line.endswith(">:\n"):
            function = line.split("<", 1)[1][:-3]
            continue
        match = LINE.match(line)
        if not match:
            continue
        count += 1
        why = why_refused(match[1])
        if why:
            lines.append(f"{path}: {match[1].strip()} in {function}: {why}")
    if run.wait() != 0:
        raise SystemExit(f"check_instructions.py: objdump cannot read {path}")
    return lines, count


def elf_files(paths):
    for path in map(pathlib.Path, paths):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not file.is_symlink() and file.open("rb").read(4) == b"\x7fELF":
                yield file


def check(paths):
    files = list(elf_files(paths))
    bad = total = 0
    for file in files:
        lines, count = refused(file)
        print(*lines[:20], sep="\n", end="\n" if lines else "")
        print(f"{file.name}: {count} instructions, {len(lines)} above the baseline")
        bad, total = bad + len(lines), total + count
    print(f"{len(files)} files, {total} instructions, {bad} above the baseline")
    return 0 if files and total and not bad else 1


CASES = [  # flags, source, whether it must be refused
    ("", "void f(float* x) { for (int i = 0; i < 64; ++i) x[i] = x[i] * 2 + 1; }", False),
    ("", "double f(double x, long n) { return __builtin_sqrt(x) + (x < n); }", False),
    ("", "int f(unsigned x) { return __builtin_ctz(x | 1); }", False),
    ("-mavx2", "void f(float* x) { for (int i = 0; i < 64; ++i) x[i] = x[i] * 2 + 1; }", True),
    ("-mavx512f -mprefer-vector-width=512",
     "void f(float* x) { for (int i = 0; i < 64; ++i) x[i] = x[i] * 2 + 1; }", True),
    ("-mavx", "float f(float a, float b) { return a + b; }", True),
    ("-msse3", "#include <immintrin.h>\n__m128 f(__m128 a) { return _mm_hadd_ps(a, a); }", True),
    ("-mssse3", "#include <immintrin.h>\n__m128i f(__m128i a) { return _mm_abs_epi8(a); }", True),
    ("-msse4.1", "#include <immintrin.h>\n__m128 f(__m128 a) { return _mm_floor_ps(a); }", True),
    ("-msse4.1", "#include <immintrin.h>\nvoid f(__m128i a, short* p) "
                 "{ *p = _mm_extract_epi16(a, 3); }", True),
    ("-msse4.2", "unsigned f(unsigned a, unsigned b) { return __builtin_ia32_crc32si(a, b); }", True),
    ("-mpopcnt", "int f(unsigned long x) { return __builtin_popcountl(x); }", True),
    ("-mbmi2", "#include <immintrin.h>\nunsigned f(unsigned a, unsigned b) "
               "{ return _pdep_u32(a, b); }", True),
    ("-mbmi", "unsigned f(unsigned a, unsigned b) { return ~a & b; }", True),
    ("-mmovbe", "unsigned f(unsigned* a) { return __builtin_bswap32(*a); }", True),
    ("-maes", "#include <immintrin.h>\n__m128i f(__m128i a) { return _mm_aesenc_si128(a, a); }", True),
]


def self_test():
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "a.cpp"), pathlib.Path(folder, "a.o")
        for flags, text, must in CASES:
            source.write_text(text + "\n")
            subprocess.run([os.environ.get("CXX", "g++"), "-O3", "-c", *flags.split(), str(source),
                            "-o", str(target)], check=True)
            lines, count = refused(target)
            if bool(lines) != must or count == 0:
                wrong += 1
                print(f"{flags or 'baseline'}: {'not ' if must else ''}refused: {text} {lines}")
    print(f"self-test: {len(CASES) - wrong} of {len(CASES)} objects judged as they should be")
    return 1 if wrong else 0


def main():
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        return self_test()
    if not arguments or arguments[0].startswith("-"):
        raise SystemExit(__doc__)
    return check(arguments)


if __name__ == "__main__":
    sys.exit(main())
