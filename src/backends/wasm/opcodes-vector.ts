/** WebAssembly instructions on vectors, by their names in the text format; bundlers write their codes in place of them. */

/** Stands for the prefix byte 0xfd; small, since bundles have it wherever an instruction is written. */
const simd = 1 << 9

const v128Load = simd | 0
const i16x8Load8x8S = simd | 1
const i16x8Load8x8U = simd | 2
const i32x4Load16x4S = simd | 3
const i32x4Load16x4U = simd | 4
const v128Load32Splat = simd | 9
const v128Load64Splat = simd | 10
const v128Store = simd | 11
const v128Const = simd | 12
const i8x16Shuffle = simd | 13
const i32x4Splat = simd | 17
const f32x4Splat = simd | 19
const f64x2Splat = simd | 20
const i32x4ExtractLane = simd | 27
const i32x4ReplaceLane = simd | 28
const f32x4ExtractLane = simd | 31
const f32x4ReplaceLane = simd | 32
const f64x2ExtractLane = simd | 33
const f64x2ReplaceLane = simd | 34
const i32x4Eq = simd | 55
const i32x4Ne = simd | 56
const i32x4LtS = simd | 57
const i32x4LtU = simd | 58
const i32x4GtS = simd | 59
const i32x4GtU = simd | 60
const i32x4LeS = simd | 61
const i32x4LeU = simd | 62
const i32x4GeS = simd | 63
const i32x4GeU = simd | 64
const f32x4Eq = simd | 65
const f32x4Ne = simd | 66
const f32x4Lt = simd | 67
const f32x4Gt = simd | 68
const f32x4Le = simd | 69
const f32x4Ge = simd | 70
const v128Not = simd | 77
const v128And = simd | 78
const v128Andnot = simd | 79
const v128Or = simd | 80
const v128Xor = simd | 81
const v128Bitselect = simd | 82
const v128AnyTrue = simd | 83
const v128Load32Lane = simd | 86
const v128Load64Lane = simd | 87
const v128Store32Lane = simd | 90
const v128Store64Lane = simd | 91
const v128Load32Zero = simd | 92
const v128Load64Zero = simd | 93
const i8x16Popcnt = simd | 98
const i8x16NarrowI16x8S = simd | 101
const i8x16NarrowI16x8U = simd | 102
const f32x4Ceil = simd | 103
const f32x4Floor = simd | 104
const f32x4Trunc = simd | 105
const f32x4Nearest = simd | 106
const i16x8ExtaddPairwiseI8x16U = simd | 125
const i32x4ExtaddPairwiseI16x8U = simd | 127
const i16x8NarrowI32x4S = simd | 133
const i16x8NarrowI32x4U = simd | 134
const i16x8ExtendLowI8x16S = simd | 135
const i16x8ExtendLowI8x16U = simd | 137
const i32x4Abs = simd | 160
const i32x4Neg = simd | 161
const i32x4AllTrue = simd | 163
const i32x4Bitmask = simd | 164
const i32x4ExtendLowI16x8S = simd | 167
const i32x4ExtendLowI16x8U = simd | 169
const i32x4Shl = simd | 171
const i32x4ShrS = simd | 172
const i32x4ShrU = simd | 173
const i32x4Add = simd | 174
const i32x4Sub = simd | 177
const i32x4Mul = simd | 181
const i32x4MinS = simd | 182
const i32x4MinU = simd | 183
const i32x4MaxS = simd | 184
const i32x4MaxU = simd | 185
const f32x4Abs = simd | 224
const f32x4Neg = simd | 225
const f32x4Sqrt = simd | 227
const f32x4Add = simd | 228
const f32x4Sub = simd | 229
const f32x4Mul = simd | 230
const f32x4Div = simd | 231
const f32x4Min = simd | 232
const f32x4Max = simd | 233
const f32x4Pmin = simd | 234
const f32x4Pmax = simd | 235
const f64x2Add = simd | 240
const f64x2Mul = simd | 242
const i32x4TruncSatF32x4S = simd | 248
const i32x4TruncSatF32x4U = simd | 249
const f32x4ConvertI32x4S = simd | 250
const f32x4ConvertI32x4U = simd | 251
const f32x4RelaxedMadd = simd | 0x105
const f64x2RelaxedMadd = simd | 0x107

export {
  v128Load as 'v128.load',
  i16x8Load8x8S as 'i16x8.load8x8_s',
  i16x8Load8x8U as 'i16x8.load8x8_u',
  i32x4Load16x4S as 'i32x4.load16x4_s',
  i32x4Load16x4U as 'i32x4.load16x4_u',
  v128Load32Splat as 'v128.load32_splat',
  v128Load64Splat as 'v128.load64_splat',
  v128Store as 'v128.store',
  v128Const as 'v128.const',
  i8x16Shuffle as 'i8x16.shuffle',
  i32x4Splat as 'i32x4.splat',
  f32x4Splat as 'f32x4.splat',
  f64x2Splat as 'f64x2.splat',
  i32x4ExtractLane as 'i32x4.extract_lane',
  i32x4ReplaceLane as 'i32x4.replace_lane',
  f32x4ExtractLane as 'f32x4.extract_lane',
  f32x4ReplaceLane as 'f32x4.replace_lane',
  f64x2ExtractLane as 'f64x2.extract_lane',
  f64x2ReplaceLane as 'f64x2.replace_lane',
  i32x4Eq as 'i32x4.eq',
  i32x4Ne as 'i32x4.ne',
  i32x4LtS as 'i32x4.lt_s',
  i32x4LtU as 'i32x4.lt_u',
  i32x4GtS as 'i32x4.gt_s',
  i32x4GtU as 'i32x4.gt_u',
  i32x4LeS as 'i32x4.le_s',
  i32x4LeU as 'i32x4.le_u',
  i32x4GeS as 'i32x4.ge_s',
  i32x4GeU as 'i32x4.ge_u',
  f32x4Eq as 'f32x4.eq',
  f32x4Ne as 'f32x4.ne',
  f32x4Lt as 'f32x4.lt',
  f32x4Gt as 'f32x4.gt',
  f32x4Le as 'f32x4.le',
  f32x4Ge as 'f32x4.ge',
  v128Not as 'v128.not',
  v128And as 'v128.and',
  v128Andnot as 'v128.andnot',
  v128Or as 'v128.or',
  v128Xor as 'v128.xor',
  v128Bitselect as 'v128.bitselect',
  v128AnyTrue as 'v128.any_true',
  v128Load32Lane as 'v128.load32_lane',
  v128Load64Lane as 'v128.load64_lane',
  v128Store32Lane as 'v128.store32_lane',
  v128Store64Lane as 'v128.store64_lane',
  v128Load32Zero as 'v128.load32_zero',
  v128Load64Zero as 'v128.load64_zero',
  i8x16Popcnt as 'i8x16.popcnt',
  i8x16NarrowI16x8S as 'i8x16.narrow_i16x8_s',
  i8x16NarrowI16x8U as 'i8x16.narrow_i16x8_u',
  f32x4Ceil as 'f32x4.ceil',
  f32x4Floor as 'f32x4.floor',
  f32x4Trunc as 'f32x4.trunc',
  f32x4Nearest as 'f32x4.nearest',
  i16x8ExtaddPairwiseI8x16U as 'i16x8.extadd_pairwise_i8x16_u',
  i32x4ExtaddPairwiseI16x8U as 'i32x4.extadd_pairwise_i16x8_u',
  i16x8NarrowI32x4S as 'i16x8.narrow_i32x4_s',
  i16x8NarrowI32x4U as 'i16x8.narrow_i32x4_u',
  i16x8ExtendLowI8x16S as 'i16x8.extend_low_i8x16_s',
  i16x8ExtendLowI8x16U as 'i16x8.extend_low_i8x16_u',
  i32x4Abs as 'i32x4.abs',
  i32x4Neg as 'i32x4.neg',
  i32x4AllTrue as 'i32x4.all_true',
  i32x4Bitmask as 'i32x4.bitmask',
  i32x4ExtendLowI16x8S as 'i32x4.extend_low_i16x8_s',
  i32x4ExtendLowI16x8U as 'i32x4.extend_low_i16x8_u',
  i32x4Shl as 'i32x4.shl',
  i32x4ShrS as 'i32x4.shr_s',
  i32x4ShrU as 'i32x4.shr_u',
  i32x4Add as 'i32x4.add',
  i32x4Sub as 'i32x4.sub',
  i32x4Mul as 'i32x4.mul',
  i32x4MinS as 'i32x4.min_s',
  i32x4MinU as 'i32x4.min_u',
  i32x4MaxS as 'i32x4.max_s',
  i32x4MaxU as 'i32x4.max_u',
  f32x4Abs as 'f32x4.abs',
  f32x4Neg as 'f32x4.neg',
  f32x4Sqrt as 'f32x4.sqrt',
  f32x4Add as 'f32x4.add',
  f32x4Sub as 'f32x4.sub',
  f32x4Mul as 'f32x4.mul',
  f32x4Div as 'f32x4.div',
  f32x4Min as 'f32x4.min',
  f32x4Max as 'f32x4.max',
  f32x4Pmin as 'f32x4.pmin',
  f32x4Pmax as 'f32x4.pmax',
  f64x2Add as 'f64x2.add',
  f64x2Mul as 'f64x2.mul',
  i32x4TruncSatF32x4S as 'i32x4.trunc_sat_f32x4_s',
  i32x4TruncSatF32x4U as 'i32x4.trunc_sat_f32x4_u',
  f32x4ConvertI32x4S as 'f32x4.convert_i32x4_s',
  f32x4ConvertI32x4U as 'f32x4.convert_i32x4_u',
  f32x4RelaxedMadd as 'f32x4.relaxed_madd',
  f64x2RelaxedMadd as 'f64x2.relaxed_madd',
}
