package s3

import "testing"

// TestService runs everything that one running service can show, since a
// process can run one at a time.
func TestService(t *testing.T) {
	w := start(t, newFolder(t))
	for name, test := range map[string]func(*testing.T, *world){
		"presigned put":       testPresignedPut,
		"racing puts":         testRacingPuts,
		"large body":          testLargeBody,
		"roles":               testRoles,
		"credentials":         testCredentials,
		"bucket policy":       testBucketPolicy,
		"missing object":      testMissingObject,
		"not implemented":     testNotImplemented,
		"odd keys":            testOddKeys,
		"refused keys":        testRefusedKeys,
		"CORS":                testCORS,
		"events":              testEvents,
		"events of deletions": testDeletionEvents,
		"order of events":     testEventOrder,
		"slow upload":         testSlowUpload,
		"multipart":           testMultipart,
		"batch deletion":      testBatchDeletion,
		"buckets":             testBucketsStand,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}
