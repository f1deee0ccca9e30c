/** WebAssembly instructions on numbers, memory and control, by their names in the text format; bundlers write their codes in place of them. */

/** Codes of one byte are themselves; the others have 0xfe less the prefix byte (here 0xfc) above nine bits of a number. */
const numeric = 2 << 9

const unreachable = 0x00
const returnCode = 0x0f
const drop = 0x1a
const selectCode = 0x1b
const i32Load = 0x28
const i64Load = 0x29
const f32Load = 0x2a
const f64Load = 0x2b
const i32Load8S = 0x2c
const i32Load8U = 0x2d
const i32Load16S = 0x2e
const i32Load16U = 0x2f
const i32Store = 0x36
const i64Store = 0x37
const f32Store = 0x38
const f64Store = 0x39
const i32Store8 = 0x3a
const i32Store16 = 0x3b
const i32Eqz = 0x45
const i32Eq = 0x46
const i32Ne = 0x47
const i32LtS = 0x48
const i32LtU = 0x49
const i32GtS = 0x4a
const i32GtU = 0x4b
const i32LeS = 0x4c
const i32LeU = 0x4d
const i32GeS = 0x4e
const i32GeU = 0x4f
const f32Eq = 0x5b
const f32Ne = 0x5c
const f32Lt = 0x5d
const f32Gt = 0x5e
const f32Le = 0x5f
const f32Ge = 0x60
const f64Eq = 0x61
const f64Ne = 0x62
const f64Lt = 0x63
const f64Gt = 0x64
const f64Le = 0x65
const f64Ge = 0x66
const i32Clz = 0x67
const i32Popcnt = 0x69
const i32Add = 0x6a
const i32Sub = 0x6b
const i32Mul = 0x6c
const i32DivS = 0x6d
const i32DivU = 0x6e
const i32RemS = 0x6f
const i32RemU = 0x70
const i32And = 0x71
const i32Or = 0x72
const i32Xor = 0x73
const i32Shl = 0x74
const i32ShrS = 0x75
const i32ShrU = 0x76
const f32Abs = 0x8b
const f32Neg = 0x8c
const f32Ceil = 0x8d
const f32Floor = 0x8e
const f32Trunc = 0x8f
const f32Nearest = 0x90
const f32Sqrt = 0x91
const f32Add = 0x92
const f32Sub = 0x93
const f32Mul = 0x94
const f32Div = 0x95
const f32Min = 0x96
const f32Max = 0x97
const f32Copysign = 0x98
const f64Abs = 0x99
const f64Neg = 0x9a
const f64Ceil = 0x9b
const f64Floor = 0x9c
const f64Trunc = 0x9d
const f64Nearest = 0x9e
const f64Sqrt = 0x9f
const f64Add = 0xa0
const f64Sub = 0xa1
const f64Mul = 0xa2
const f64Div = 0xa3
const f64Min = 0xa4
const f64Max = 0xa5
const f64Copysign = 0xa6
const f32ConvertI32S = 0xb2
const f32ConvertI32U = 0xb3
const f32DemoteF64 = 0xb6
const f64ConvertI32S = 0xb7
const f64ConvertI32U = 0xb8
const f64PromoteF32 = 0xbb
const i32ReinterpretF32 = 0xbc
const f32ReinterpretI32 = 0xbe
const i32TruncSatF32S = numeric | 0
const i32TruncSatF32U = numeric | 1
const i32TruncSatF64S = numeric | 2
const i32TruncSatF64U = numeric | 3
const memoryCopy = numeric | 10
const memoryFill = numeric | 11

export {
  unreachable,
  returnCode as return,
  drop,
  selectCode as select,
  i32Load as 'i32.load',
  i64Load as 'i64.load',
  f32Load as 'f32.load',
  f64Load as 'f64.load',
  i32Load8S as 'i32.load8_s',
  i32Load8U as 'i32.load8_u',
  i32Load16S as 'i32.load16_s',
  i32Load16U as 'i32.load16_u',
  i32Store as 'i32.store',
  i64Store as 'i64.store',
  f32Store as 'f32.store',
  f64Store as 'f64.store',
  i32Store8 as 'i32.store8',
  i32Store16 as 'i32.store16',
  i32Eqz as 'i32.eqz',
  i32Eq as 'i32.eq',
  i32Ne as 'i32.ne',
  i32LtS as 'i32.lt_s',
  i32LtU as 'i32.lt_u',
  i32GtS as 'i32.gt_s',
  i32GtU as 'i32.gt_u',
  i32LeS as 'i32.le_s',
  i32LeU as 'i32.le_u',
  i32GeS as 'i32.ge_s',
  i32GeU as 'i32.ge_u',
  f32Eq as 'f32.eq',
  f32Ne as 'f32.ne',
  f32Lt as 'f32.lt',
  f32Gt as 'f32.gt',
  f32Le as 'f32.le',
  f32Ge as 'f32.ge',
  f64Eq as 'f64.eq',
  f64Ne as 'f64.ne',
  f64Lt as 'f64.lt',
  f64Gt as 'f64.gt',
  f64Le as 'f64.le',
  f64Ge as 'f64.ge',
  i32Clz as 'i32.clz',
  i32Popcnt as 'i32.popcnt',
  i32Add as 'i32.add',
  i32Sub as 'i32.sub',
  i32Mul as 'i32.mul',
  i32DivS as 'i32.div_s',
  i32DivU as 'i32.div_u',
  i32RemS as 'i32.rem_s',
  i32RemU as 'i32.rem_u',
  i32And as 'i32.and',
  i32Or as 'i32.or',
  i32Xor as 'i32.xor',
  i32Shl as 'i32.shl',
  i32ShrS as 'i32.shr_s',
  i32ShrU as 'i32.shr_u',
  f32Abs as 'f32.abs',
  f32Neg as 'f32.neg',
  f32Ceil as 'f32.ceil',
  f32Floor as 'f32.floor',
  f32Trunc as 'f32.trunc',
  f32Nearest as 'f32.nearest',
  f32Sqrt as 'f32.sqrt',
  f32Add as 'f32.add',
  f32Sub as 'f32.sub',
  f32Mul as 'f32.mul',
  f32Div as 'f32.div',
  f32Min as 'f32.min',
  f32Max as 'f32.max',
  f32Copysign as 'f32.copysign',
  f64Abs as 'f64.abs',
  f64Neg as 'f64.neg',
  f64Ceil as 'f64.ceil',
  f64Floor as 'f64.floor',
  f64Trunc as 'f64.trunc',
  f64Nearest as 'f64.nearest',
  f64Sqrt as 'f64.sqrt',
  f64Add as 'f64.add',
  f64Sub as 'f64.sub',
  f64Mul as 'f64.mul',
  f64Div as 'f64.div',
  f64Min as 'f64.min',
  f64Max as 'f64.max',
  f64Copysign as 'f64.copysign',
  f32ConvertI32S as 'f32.convert_i32_s',
  f32ConvertI32U as 'f32.convert_i32_u',
  f32DemoteF64 as 'f32.demote_f64',
  f64ConvertI32S as 'f64.convert_i32_s',
  f64ConvertI32U as 'f64.convert_i32_u',
  f64PromoteF32 as 'f64.promote_f32',
  i32ReinterpretF32 as 'i32.reinterpret_f32',
  f32ReinterpretI32 as 'f32.reinterpret_i32',
  i32TruncSatF32S as 'i32.trunc_sat_f32_s',
  i32TruncSatF32U as 'i32.trunc_sat_f32_u',
  i32TruncSatF64S as 'i32.trunc_sat_f64_s',
  i32TruncSatF64U as 'i32.trunc_sat_f64_u',
  memoryCopy as 'memory.copy',
  memoryFill as 'memory.fill',
}
