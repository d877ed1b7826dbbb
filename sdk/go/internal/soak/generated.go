package main

import (
	"context"
	"log"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/gibbs-rpc/gibbs/sdk/go/gibbsv1"
)

// generated calls the hub with a plain gRPC client, generated from the .proto files, and
// with what docs/reliability.md says to set.
func generated(address, serviceConfig string) func(context.Context, Job) (JobAnswer, error) {
	connection, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)),
	)
	if err != nil {
		log.Fatal(err)
	}
	stub := pb.NewHubServiceClient(connection)
	return func(ctx context.Context, job Job) (JobAnswer, error) {
		input, err := structpb.NewValue(map[string]any{"id": job.ID, "ms": job.MS})
		if err != nil {
			return JobAnswer{}, err
		}
		response, err := stub.Request(ctx, &pb.RequestRequest{Kind: &pb.RequestRequest_Value{Value: input}})
		if err != nil {
			return JobAnswer{}, err
		}
		fields := response.GetValue().GetStructValue().GetFields()
		return JobAnswer{ID: fields["id"].GetStringValue(), By: fields["by"].GetStringValue()}, nil
	}
}
