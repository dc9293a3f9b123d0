using OrleansLog.Tests.Cluster.Postgres;
using Xunit;

namespace OrleansLog.Tests.Kafka.Clients;

/// <summary>A test that needs kcat and confluent-kafka, and PostgreSQL for a cluster of real silos.</summary>
public sealed class KafkaClusterFactAttribute : FactAttribute
{
    public KafkaClusterFactAttribute() =>
        Skip = new PostgresFactAttribute().Skip ?? new KcatFactAttribute().Skip ?? new PythonClientsFactAttribute().Skip;
}
