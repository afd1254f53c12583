// Unpacking a file of xz that lies in memory whole: one stream of LZMA2 blocks without other filters. What is written is its
// own dictionary. Written from the format's specification; checksums are not compared, the page's host is trusted.
// `python -m demo.browser.webassembly` compiles this file.
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
#define EXPORT(name) __attribute__((export_name(#name)))
enum { STATES = 12, HALF = 1024, LITERALS = 0x300 << 4, ALIGN_BITS = 4, DIRECT_FROM = 14 };

typedef struct {
  u16 choice, choice2, low[16][8], mid[16][8], high[256];
} Lengths;

// All probabilities together, so that they are reset as one array.
static struct {
  u16 match[STATES][16], rep[STATES], rep0[STATES], rep1[STATES], rep2[STATES], rep0_long[STATES][16];
  u16 slot[4][64], special[128], align[1 << ALIGN_BITS];
  Lengths match_lengths, rep_lengths;
  u16 literal[LITERALS];
} p;

static const u8 *in, *in_end;
static u8 *out;
static u32 at, size;  // in the output
static u32 range, code, state, reps[4];
static int lc, lp, pb;

static inline u32 next(void) { return in < in_end ? *in++ : 0; }

static inline void normalise(void) {
  if (range >= 1u << 24) return;
  range <<= 8;
  code = code << 8 | next();
}

static inline u32 bit(u16 *probability) {
  u32 bound = (range >> 11) * *probability, one = code >= bound;
  if (one) {
    range -= bound;
    code -= bound;
    *probability -= *probability >> 5;
  } else {
    range = bound;
    *probability += (2048 - *probability) >> 5;
  }
  normalise();
  return one;
}

static u32 tree(u16 *probabilities, int bits) {
  u32 m = 1;
  for (int i = 0; i < bits; i++) m = m << 1 | bit(probabilities + m);
  return m - (1u << bits);
}

static u32 reverse_tree(u16 *probabilities, int bits) {
  u32 m = 1, result = 0;
  for (int i = 0; i < bits; i++) {
    u32 one = bit(probabilities + m);
    m = m << 1 | one;
    result |= one << i;
  }
  return result;
}

static u32 direct(int bits) {
  u32 result = 0;
  for (int i = 0; i < bits; i++) {
    range >>= 1;
    u32 one = code >= range;
    if (one) code -= range;
    result = result << 1 | one;
    normalise();
  }
  return result;
}

static u32 length(Lengths *l, u32 place) {
  if (!bit(&l->choice)) return 2 + tree(l->low[place], 3);
  if (!bit(&l->choice2)) return 10 + tree(l->mid[place], 3);
  return 18 + tree(l->high, 8);
}

static u32 distance(u32 matched) {
  u32 slot = tree(p.slot[matched < 6 ? matched - 2 : 3], 6);
  if (slot < 4) return slot;
  int bits = (slot >> 1) - 1;
  u32 far = (2 | (slot & 1)) << bits;
  if (slot < DIRECT_FROM) return far + reverse_tree(p.special + far - slot, bits);
  far += direct(bits - ALIGN_BITS) << ALIGN_BITS;
  return far + reverse_tree(p.align, ALIGN_BITS);
}

static void literal(void) {
  u32 before = at ? out[at - 1] : 0;
  u16 *own = p.literal + 0x300 * (((at & ((1u << lp) - 1)) << lc) + (before >> (8 - lc)));
  u32 m = 1;
  if (state >= 7) {  // after a match: what stands at its distance is likely not to come again
    u32 other = out[at - reps[0] - 1];
    while (m < 0x100) {
      u32 guess = other >> 7 & 1, one = bit(own + ((1 + guess) << 8) + m);
      other <<= 1;
      m = m << 1 | one;
      if (guess != one) break;
    }
  }
  while (m < 0x100) m = m << 1 | bit(own + m);
  out[at++] = (u8)m;
  state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
}

// Of a repeated distance: which, and whether it is for one byte only.
static u32 repeated(u32 place) {
  if (!bit(&p.rep0[state])) {
    if (!bit(&p.rep0_long[state][place])) {
      state = state < 7 ? 9 : 11;
      return 1;
    }
  } else {
    u32 far = reps[1];
    if (bit(&p.rep1[state])) {
      far = reps[2];
      if (bit(&p.rep2[state])) {
        far = reps[3];
        reps[3] = reps[2];
      }
      reps[2] = reps[1];
    }
    reps[1] = reps[0];
    reps[0] = far;
  }
  u32 count = length(&p.rep_lengths, place);
  state = state < 7 ? 8 : 11;
  return count;
}

static int chunk(u32 end) {
  while (at < end) {
    u32 place = at & ((1u << pb) - 1);
    if (!bit(&p.match[state][place])) {
      if (state >= 7 && reps[0] >= at) return 0;
      literal();
      continue;
    }
    u32 count;
    if (bit(&p.rep[state])) {
      count = repeated(place);
    } else {
      reps[3] = reps[2];
      reps[2] = reps[1];
      reps[1] = reps[0];
      count = length(&p.match_lengths, place);
      reps[0] = distance(count);
      state = state < 7 ? 7 : 10;
    }
    if (reps[0] >= at || count > end - at) return 0;
    for (const u8 *from = out + at - reps[0] - 1; count; count--) out[at++] = *from++;
  }
  return 1;
}

static void reset_state(void) {
  u16 *all = (u16 *)&p;
  for (u32 i = 0; i < sizeof p / 2; i++) all[i] = HALF;
  state = reps[0] = reps[1] = reps[2] = reps[3] = 0;
}

static int lzma2(void) {
  for (;;) {
    u32 control = next();
    if (control == 0) return 1;
    u32 count = next() << 8;
    count |= next();
    if (control < 3) {  // not packed
      count += 1;
      if (count > size - at || count > (u32)(in_end - in)) return 0;
      while (count--) out[at++] = *in++;
      continue;
    }
    if (control < 0x80) return 0;
    u32 end = at + ((control & 0x1f) << 16) + count + 1;
    u32 packed = next() << 8;
    packed = (packed | next()) + 1;
    if (control >= 0xc0) {
      u32 properties = next();
      if (properties >= 225) return 0;
      lc = properties % 9;
      lp = properties / 9 % 5;
      pb = properties / 45;
      if (lc + lp > 4) return 0;
    }
    if (control >= 0xa0) reset_state();
    const u8 *after = in + packed;
    if (end > size || packed > (u32)(in_end - in)) return 0;
    range = 0xffffffffu;
    code = 0;
    for (int i = 0; i < 5; i++) code = code << 8 | next();
    if (!chunk(end)) return 0;
    in = after;
  }
}

static u32 number(const u8 **from, const u8 *end) {
  u32 value = 0;
  for (int shift = 0; *from < end && shift < 32; shift += 7) {
    u32 byte = *(*from)++;
    value |= (byte & 127) << shift;
    if (byte < 128) return value;
  }
  return 0;
}

// How many bytes a file holds unpacked, by its index; 0 when it is no such file.
EXPORT(unpacked_size)
u32 unpacked_size(const u8 *file, u32 length_) {
  if (length_ < 32 || file[0] != 0xfd || file[1] != '7' || file[2] != 'z' || file[length_ - 1] != 'Z') return 0;
  const u8 *footer = file + length_ - 12;
  u32 index = ((u32)footer[4] | footer[5] << 8 | footer[6] << 16 | (u32)footer[7] << 24) + 1;
  if (index > (length_ - 24) / 4) return 0;
  const u8 *from = footer - 4 * index + 1;
  if (number(&from, footer) != 1) return 0;  // blocks
  number(&from, footer);
  return number(&from, footer);
}

// Unpack into room for as many bytes as `unpacked_size` says; 1 when that worked.
EXPORT(unpack)
u32 unpack(const u8 *file, u32 length_, u8 *to) {
  size = unpacked_size(file, length_);
  out = to;
  at = 0;
  in = file + 12;
  in_end = file + length_;
  u32 header = (*in + 1) * 4, flags = in[1];
  if (size == 0 || flags & 0x3f || header > length_ - 24) return 0;
  in += header;
  return lzma2() && at == size;
}
