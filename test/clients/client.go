// One call with Go's net/http: URL and body in, status and text out.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	url, body := os.Args[1], os.Args[2]
	var answer *http.Response
	var err error
	if body == "" {
		answer, err = http.Get(url)
	} else {
		answer, err = http.Post(url, "application/json", strings.NewReader(body))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%d\n%s", answer.StatusCode, text)
}
