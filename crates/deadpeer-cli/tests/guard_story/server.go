// A server as people write it in Go: it leaves its connections as net makes them.
package main

import (
	"bufio"
	"bytes"
	"net"
)

func main() {
	listener, err := net.Listen("tcp", ":8081")
	if err != nil {
		panic(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go serve(connection)
	}
}

func serve(connection net.Conn) {
	defer connection.Close()
	lines := bufio.NewScanner(connection)
	for lines.Scan() {
		answer := append(lines.Bytes(), '\n')
		if lines.Text() == "much" {
			answer = append(bytes.Repeat([]byte{'x'}, 4_000_000), "end\n"...)
		}
		if _, err := connection.Write(answer); err != nil {
			return
		}
	}
}
