// Reads a JSON list of objects and writes the list of what kstatus, the library of kubectl's kin, makes of each.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type word struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var objects []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&objects); err != nil {
		return err
	}
	words := make([]word, 0, len(objects))
	for _, object := range objects {
		// Its own decoder: whole numbers stay whole.
		read := &unstructured.Unstructured{}
		if err := read.UnmarshalJSON(object); err != nil {
			return err
		}
		found, err := status.Compute(read)
		if err != nil {
			return err
		}
		words = append(words, word{Status: found.Status.String(), Message: found.Message})
	}
	return json.NewEncoder(os.Stdout).Encode(words)
}
