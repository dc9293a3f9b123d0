using System.Text.Json.Serialization;
using OrleansLog.Grains.Catalog;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Topics;

namespace OrleansLog.Grains.Storage;

/// <summary>The states the grains keep, so that reading them needs no reflection at start-up.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(TopicCatalog))]
[JsonSerializable(typeof(GroupCatalog))]
[JsonSerializable(typeof(NodeCatalog))]
[JsonSerializable(typeof(ProducerIdCounter))]
[JsonSerializable(typeof(TopicState))]
[JsonSerializable(typeof(PartitionOffice))]
internal sealed partial class StateJsonContext : JsonSerializerContext;
