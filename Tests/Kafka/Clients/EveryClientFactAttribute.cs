using Xunit;

namespace OrleansLog.Tests.Kafka.Clients;

/// <summary>A test that needs every real client there is.</summary>
public sealed class EveryClientFactAttribute : FactAttribute
{
    public EveryClientFactAttribute() =>
        Skip = new KcatFactAttribute().Skip ?? new PythonClientsFactAttribute().Skip ?? new KafkaJsFactAttribute().Skip;
}
