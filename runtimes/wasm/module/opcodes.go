package module

// immediate says what follows an instruction's code.
type immediate byte

const (
	unknown immediate = iota // no instruction of WASM 2.0
	nothing
	oneIndex
	twoIndexes
	signed // LEB128
	fourBytes
	eightBytes
	sixteenBytes
	oneByte // a lane
	zero    // which is reserved, as are all of the following
	twoZeros
	indexZero
	memoryArg
	memoryArgLane
	refType
	valTypes
	control // an instruction that the rewriter looks into
)

// Instructions that the rewriter emits or looks into.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableSet     = 0x26
	opI32Const     = 0x41
	opMemorySize   = 0x3f
	opI64Const     = 0x42
	opI32LtS       = 0x48
	opI32LtU       = 0x49
	opI32GtU       = 0x4b
	opI64GtU       = 0x56
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI32Or        = 0x72
	opI32ShrU      = 0x76
	opI64Add       = 0x7c
	opI64Shl       = 0x86
	opI64ExtendU   = 0xad
	opRefFunc      = 0xd2
	prefixMisc     = 0xfc
	prefixVector   = 0xfd
	emptyBlock     = 0x40
)

// Instructions behind prefixMisc: those whose work grows with their last operand, and those that drop a segment.
const (
	miscMemoryInit = 8
	miscDataDrop   = 9
	miscMemoryCopy = 10
	miscMemoryFill = 11
	miscTableInit  = 12
	miscElemDrop   = 13
	miscTableCopy  = 14
	miscTableGrow  = 15
	miscTableFill  = 17
)

// plain is the immediate of an instruction without prefix.
func plain(op byte) immediate {
	switch {
	case op <= 0x05, op >= opEnd && op <= opCallIndirect, op >= opLocalGet && op <= opGlobalSet, op == opRefFunc:
		return control
	case op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xc4, op == 0xd1:
		return nothing
	case op == 0x1c:
		return valTypes
	case op == 0x25, op == 0x26:
		return oneIndex
	case op >= 0x28 && op <= 0x3e:
		return memoryArg
	case op == 0x3f, op == 0x40:
		return zero
	case op == 0x41, op == 0x42:
		return signed
	case op == 0x43:
		return fourBytes
	case op == 0x44:
		return eightBytes
	case op == 0xd0:
		return refType
	}
	return unknown
}

// misc is the immediate of an instruction behind prefixMisc.
func misc(op uint32) immediate {
	switch op {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		return nothing
	case miscMemoryInit:
		return indexZero
	case miscMemoryCopy:
		return twoZeros
	case miscMemoryFill:
		return zero
	case miscTableInit, miscTableCopy:
		return twoIndexes
	case miscDataDrop, miscElemDrop, miscTableGrow, 16, miscTableFill:
		return oneIndex
	}
	return unknown
}

// keeps says whether the instruction changes an instance beyond its memory and its globals.
func keeps(op uint32) bool {
	switch op {
	case miscDataDrop, miscTableInit, miscElemDrop, miscTableCopy, miscTableGrow, miscTableFill:
		return true
	}
	return false
}

// vector is the immediate of an instruction behind prefixVector.
func vector(op byte) immediate {
	switch {
	case op <= 11, op == 92, op == 93:
		return memoryArg
	case op == 12, op == 13:
		return sixteenBytes
	case op >= 21 && op <= 34:
		return oneByte
	case op >= 84 && op <= 91:
		return memoryArgLane
	}
	switch op {
	case 0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4, 0xe2, 0xee:
		return unknown
	}
	return nothing
}

// weight is how long an instruction may take, in those of a simple one.
func weight(op byte) int {
	switch {
	case op == opCall, op == opCallIndirect, op == 0x40: // memory.grow leaves the guest
		return weightCall
	case op >= 0x6d && op <= 0x70, op >= 0x7f && op <= 0x82, op == 0x91, op == 0x95, op == 0x9f, op == 0xa3: // division, square root
		return 8
	case op == prefixVector, op == prefixMisc, op == opRefFunc:
		return 4
	}
	return 1
}
