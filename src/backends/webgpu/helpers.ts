/** WGSL functions for what the language leaves open: NaN, division by zero, wide shifts, saturation, rounding to halves. */

interface Helper {
  readonly text: string
  readonly needs?: readonly string[]
}

const helpers: Readonly<Record<string, Helper>> = {
  // Calls are never constant expressions, so that folding cannot fail while the shader is compiled.
  keep_f32: { text: 'fn keep_f32(x: f32) -> f32 { return x; }' },
  keep_i32: { text: 'fn keep_i32(x: i32) -> i32 { return x; }' },
  keep_u32: { text: 'fn keep_u32(x: u32) -> u32 { return x; }' },
  keep_bool: { text: 'fn keep_bool(x: bool) -> bool { return x; }' },
  // By bits: compilers may assume that there is no NaN, and then x == x holds for all.
  is_nan: { text: 'fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }' },
  min_f32: {
    text: 'fn min_f32(x: f32, y: f32) -> f32 { return select(select(min(x, y), y, is_nan(y)), x, is_nan(x)); }',
    needs: ['is_nan'],
  },
  max_f32: {
    text: 'fn max_f32(x: f32, y: f32) -> f32 { return select(select(max(x, y), y, is_nan(y)), x, is_nan(x)); }',
    needs: ['is_nan'],
  },
  // Of the bits of a float and another float, whatever their order: NaN wins, and of two zeros the one that wasm gives.
  extreme_max: {
    text: `fn extreme_max(word: u32, y: f32) -> u32 {
  let x = bitcast<f32>(word);
  if (is_nan(x)) { return word; }
  if (is_nan(y)) { return 0x7fc00000u; }
  if (x == y) { return word & bitcast<u32>(y); }
  return select(word, bitcast<u32>(y), y > x);
}`,
    needs: ['is_nan'],
  },
  extreme_min: {
    text: `fn extreme_min(word: u32, y: f32) -> u32 {
  let x = bitcast<f32>(word);
  if (is_nan(x)) { return word; }
  if (is_nan(y)) { return 0x7fc00000u; }
  if (x == y) { return word | bitcast<u32>(y); }
  return select(word, bitcast<u32>(y), y < x);
}`,
    needs: ['is_nan'],
  },
  div_i32: { text: 'fn div_i32(x: i32, y: i32) -> i32 { return select(x / select(y, 1, y == 0), -1, y == 0); }' },
  div_u32: {
    text: 'fn div_u32(x: u32, y: u32) -> u32 { return select(x / select(y, 1u, y == 0u), 0xffffffffu, y == 0u); }',
  },
  rem_i32: { text: 'fn rem_i32(x: i32, y: i32) -> i32 { return select(x % select(y, 1, y == 0), x, y == 0); }' },
  rem_u32: { text: 'fn rem_u32(x: u32, y: u32) -> u32 { return select(x % select(y, 1u, y == 0u), x, y == 0u); }' },
  // The rest of a division, exactly: long division of the significands, as musl's fmodf.
  rem_f32: {
    text: `fn rem_f32(x: f32, y: f32) -> f32 {
  let sign = bitcast<u32>(x) & 0x80000000u;
  let a = bitcast<u32>(x) & 0x7fffffffu;
  let b = bitcast<u32>(y) & 0x7fffffffu;
  if (a >= 0x7f800000u || b > 0x7f800000u || b == 0u) { return bitcast<f32>(sign | 0x7fc00000u); }
  if (a < b) { return x; }
  var ea = i32(a >> 23u);
  var eb = i32(b >> 23u);
  var ma = a & 0x7fffffu;
  var mb = b & 0x7fffffu;
  if (ea == 0) { let s = countLeadingZeros(ma) - 8u; ma <<= s; ea = 1 - i32(s); } else { ma |= 0x800000u; }
  if (eb == 0) { let s = countLeadingZeros(mb) - 8u; mb <<= s; eb = 1 - i32(s); } else { mb |= 0x800000u; }
  for (; ea > eb; ea--) {
    if (ma >= mb) { ma -= mb; }
    ma <<= 1u;
  }
  if (ma >= mb) { ma -= mb; }
  if (ma == 0u) { return bitcast<f32>(sign); }
  let s = countLeadingZeros(ma) - 8u;
  ma <<= s;
  ea -= i32(s);
  if (ea > 0) { return bitcast<f32>(sign | (ma - 0x800000u) | (u32(ea) << 23u)); }
  return bitcast<f32>(sign | (ma >> u32(1 - ea)));
}`,
  },
  shl_i32: { text: 'fn shl_i32(x: i32, y: i32) -> i32 { return select(0, x << (u32(y) & 31u), u32(y) < 32u); }' },
  shl_u32: { text: 'fn shl_u32(x: u32, y: u32) -> u32 { return select(0u, x << (y & 31u), y < 32u); }' },
  shrArithmetic_i32: { text: 'fn shrArithmetic_i32(x: i32, y: i32) -> i32 { return x >> min(u32(y), 31u); }' },
  shrArithmetic_u32: {
    text: 'fn shrArithmetic_u32(x: u32, y: u32) -> u32 { return bitcast<u32>(bitcast<i32>(x) >> min(y, 31u)); }',
  },
  shrLogical_i32: {
    text: 'fn shrLogical_i32(x: i32, y: i32) -> i32 { return select(0, bitcast<i32>(bitcast<u32>(x) >> (u32(y) & 31u)), u32(y) < 32u); }',
  },
  shrLogical_u32: { text: 'fn shrLogical_u32(x: u32, y: u32) -> u32 { return select(0u, x >> (y & 31u), y < 32u); }' },
  pow_u32: {
    text: `fn pow_u32(x: u32, y: u32) -> u32 {
  var result = 1u;
  var base = x;
  for (var rest = y; rest > 0u; rest >>= 1u) {
    if ((rest & 1u) != 0u) { result *= base; }
    base *= base;
  }
  return result;
}`,
  },
  pow_i32: {
    text: `fn pow_i32(x: i32, y: i32) -> i32 {
  if (y < 0) { return select(select(0, select(1, -1, (y & 1) != 0), x == -1), 1, x == 1); }
  return bitcast<i32>(pow_u32(bitcast<u32>(x), bitcast<u32>(y)));
}`,
    needs: ['pow_u32'],
  },
  to_i32: {
    text: `fn to_i32(x: f32) -> i32 {
  let inside = i32(clamp(x, -2147483648.0, 2147483520.0));
  return select(select(inside, 2147483647, x >= 2147483648.0), 0, is_nan(x));
}`,
    needs: ['is_nan'],
  },
  to_u32: {
    text: `fn to_u32(x: f32) -> u32 {
  let inside = u32(clamp(x, 0.0, 4294967040.0));
  return select(select(inside, 0xffffffffu, x >= 4294967296.0), 0u, is_nan(x));
}`,
    needs: ['is_nan'],
  },
  // Nearest float16, ties to even. Adding 1/2 to a subnormal leaves 24 bits behind the point, which are those of float16.
  round_f16: {
    text: `fn round_f16(x: f32) -> f32 {
  let sign = bitcast<u32>(x) & 0x80000000u;
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { return x; }
  if (magnitude >= 0x477ff000u) { return bitcast<f32>(sign | 0x7f800000u); }
  if (magnitude < 0x38800000u) {
    let shifted = bitcast<u32>(bitcast<f32>(magnitude) + 0.5);
    return bitcast<f32>(sign | bitcast<u32>(bitcast<f32>(shifted) - 0.5));
  }
  return bitcast<f32>(sign | ((magnitude + 0xfffu + ((magnitude >> 13u) & 1u)) & 0xffffe000u));
}`,
  },
  round_bf16: {
    text: `fn round_bf16(x: f32) -> f32 {
  let word = bitcast<u32>(x);
  return bitcast<f32>(select((word + 0x7fffu + ((word >> 16u) & 1u)) & 0xffff0000u, word, is_nan(x)));
}`,
    needs: ['is_nan'],
  },
  // Bits of float16, of values that it holds exactly.
  to_f16: {
    text: `fn to_f16(x: f32) -> u32 {
  let sign = (bitcast<u32>(x) >> 16u) & 0x8000u;
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { return sign | 0x7e00u; }
  if (magnitude >= 0x47800000u) { return sign | 0x7c00u; }
  if (magnitude < 0x38800000u) { return sign | u32(bitcast<f32>(magnitude) * 16777216.0); }
  return sign | ((magnitude - 0x38000000u) >> 13u);
}`,
  },
  from_f16: {
    text: `fn from_f16(bits: u32) -> f32 {
  let sign = (bits & 0x8000u) << 16u;
  let magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) { return bitcast<f32>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13u)); }
  if (magnitude < 0x400u) { return bitcast<f32>(sign | bitcast<u32>(f32(magnitude) * 5.9604644775390625e-8)); }
  return bitcast<f32>(sign | ((magnitude << 13u) + 0x38000000u));
}`,
  },
  to_bf16: {
    text: 'fn to_bf16(x: f32) -> u32 { return select(bitcast<u32>(x) >> 16u, 0x7fc0u, is_nan(x)); }',
    needs: ['is_nan'],
  },
  // Keys that compare as sorting does: -0 and 0 are one, NaN comes last.
  order_f32: {
    text: `fn order_f32(x: f32) -> u32 {
  let word = bitcast<u32>(x);
  let magnitude = word & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { return 0xffffffffu; }
  if (magnitude == 0u) { return 0x80000000u; }
  return select(word | 0x80000000u, ~word, (word >> 31u) != 0u);
}`,
  },
  order_i32: { text: 'fn order_i32(x: i32) -> u32 { return bitcast<u32>(x) ^ 0x80000000u; }' },
  order_u32: { text: 'fn order_u32(x: u32) -> u32 { return x; }' },
}

/** Text of helpers and of those that they need, each once. */
export const helperText = (names: Iterable<string>): string => {
  const done = new Set<string>()
  const texts: string[] = []
  const add = (name: string): void => {
    const helper = helpers[name]
    if (helper === undefined || done.has(name)) return
    done.add(name)
    helper.needs?.forEach(add)
    texts.push(helper.text)
  }
  for (const name of [...names].sort()) add(name)
  return texts.map((text) => `${text}\n`).join('')
}
