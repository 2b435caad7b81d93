package s3

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3api/utils"

	"airlock/local/template"
)

// establish makes bucket b as the template has it. One that stands already
// keeps its objects and gets the template's settings again.
func (s *store) establish(ctx context.Context, b template.Bucket, owner string) error {
	if !utils.IsValidBucketName(b.Name) {
		return errors.New("the name is not valid")
	}
	switch _, err := os.Stat(b.Name); {
	case errors.Is(err, fs.ErrNotExist):
		acl, err := json.Marshal(auth.ACL{Owner: owner})
		if err != nil {
			return fmt.Errorf("writing the owner: %w", err)
		}
		err = s.CreateBucket(ctx, &s3.CreateBucketInput{
			Bucket:                    &b.Name,
			ObjectOwnership:           types.ObjectOwnershipBucketOwnerEnforced,
			CreateBucketConfiguration: &types.CreateBucketConfiguration{},
		}, acl)
		if err != nil {
			return fmt.Errorf("creating: %w", err)
		}
	case err != nil:
		return fmt.Errorf("looking for it: %w", err)
	}
	if err := s.setVersioning(ctx, b); err != nil {
		return err
	}
	cors, err := corsDocument(b.CORS)
	if err != nil {
		return err
	}
	if err := s.PutBucketCors(ctx, b.Name, cors); err != nil {
		return fmt.Errorf("setting CORS: %w", err)
	}
	return nil
}

// setVersioning follows S3: versioning that was once enabled can only be
// suspended, never be off again (S3 user guide, "Using versioning").
func (s *store) setVersioning(ctx context.Context, b template.Bucket) error {
	status := types.BucketVersioningStatusEnabled
	if !b.Versioned {
		now, err := s.GetBucketVersioning(ctx, b.Name)
		if err != nil {
			return fmt.Errorf("reading versioning: %w", err)
		}
		if now.Status == nil || *now.Status == "" {
			return nil
		}
		status = types.BucketVersioningStatusSuspended
	}
	if err := s.PutBucketVersioning(ctx, b.Name, status); err != nil {
		return fmt.Errorf("setting versioning: %w", err)
	}
	return nil
}

// corsDocument writes rules as the XML that PutBucketCors takes; nil for none.
func corsDocument(rules []template.BucketCORSRule) ([]byte, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	var doc auth.CORSConfiguration
	for _, r := range rules {
		rule := auth.CORSRule{
			AllowedOrigins: convert[auth.CORSOrigin](r.AllowedOrigins),
			AllowedMethods: convert[auth.CORSHTTPMethod](r.AllowedMethods),
			AllowedHeaders: convert[auth.CORSHeader](r.AllowedHeaders),
			ExposeHeaders:  convert[auth.CORSHeader](r.ExposedHeaders),
		}
		if seconds := int64(r.MaxAge / time.Second); seconds > math.MaxInt32 {
			return nil, fmt.Errorf("setting CORS: the maximum age of %s is too long", r.MaxAge)
		} else if seconds > 0 {
			age := int32(seconds)
			rule.MaxAgeSeconds = &age
		}
		doc.Rules = append(doc.Rules, rule)
	}
	if err := doc.Validate(); err != nil {
		return nil, fmt.Errorf("setting CORS: %w", err)
	}
	out, err := xml.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("writing CORS: %w", err)
	}
	return out, nil
}

func convert[T ~string](in []string) []T {
	out := make([]T, len(in))
	for i, v := range in {
		out[i] = T(v)
	}
	return out
}
