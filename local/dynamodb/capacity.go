package dynamodb

// Units are counted as the Developer Guide says ("DynamoDB throughput
// capacity"): 1 KB a write, 4 KB a read, half a unit for one that need not be
// consistent.
const (
	writeUnitBytes = 1 << 10
	readUnitBytes  = 4 << 10
)

// writeUnits counts the larger of the item before and after.
func writeUnits(before, after item) float64 {
	return units(max(before.size(), after.size()), writeUnitBytes)
}

func readUnits(size int, consistent bool) float64 {
	if consistent {
		return units(size, readUnitBytes)
	}
	return units(size, readUnitBytes) / 2
}

// units rounds up; what finds nothing costs one too.
func units(size, unit int) float64 {
	return float64(max(1, (size+unit-1)/unit))
}

// addCapacity reports the units where the request asks for them.
func addCapacity(answer map[string]any, t *table, req *request, units float64) {
	consumed := map[string]any{"TableName": t.name, "CapacityUnits": units}
	switch {
	case is(req.ReturnConsumedCapacity, "INDEXES"):
		consumed["Table"] = map[string]any{"CapacityUnits": units}
	case !is(req.ReturnConsumedCapacity, "TOTAL"):
		return
	}
	answer["ConsumedCapacity"] = consumed
}
