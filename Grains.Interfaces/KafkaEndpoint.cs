using System.Net;

namespace OrleansLog.Grains.Interfaces;

/// <summary>Where a silo's Kafka listener is. A service of silos that have one.</summary>
/// <param name="Listen">Where it listens.</param>
/// <param name="AdvertisedHost">The name or address that Kafka clients are told.</param>
/// <param name="AdvertisedPort">The port that they are told.</param>
public sealed record KafkaEndpoint(IPEndPoint Listen, string AdvertisedHost, int AdvertisedPort);
