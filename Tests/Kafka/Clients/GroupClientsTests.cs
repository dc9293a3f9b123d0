using Xunit;

namespace OrleansLog.Tests.Kafka.Clients;

/// <summary>Groups of real clients, unmodified, against one silo and against three: each script checks what it sees itself.</summary>
public sealed class GroupClientsTests(GroupClusters clusters) : IClassFixture<GroupClusters>
{
    [KcatFact]
    public Task Two_kcats_share_a_topic_of_one_silo() => RunKcatAsync(1);

    [KcatFact]
    public Task Two_kcats_share_a_topic_of_three_silos() => RunKcatAsync(3);

    [PythonClientsFact]
    public Task Two_members_of_kafka_python_share_a_topic_of_one_silo() => RunPythonAsync(1, "groups_kafka_python.py", "kp");

    [PythonClientsFact]
    public Task Two_members_of_kafka_python_share_a_topic_of_three_silos() => RunPythonAsync(3, "groups_kafka_python.py", "kp");

    [PythonClientsFact]
    public Task Two_members_of_librdkafka_share_a_topic_of_one_silo() => RunPythonAsync(1, "groups_confluent.py", "cf", "range");

    [PythonClientsFact]
    public Task Two_members_of_librdkafka_share_a_topic_of_three_silos() => RunPythonAsync(3, "groups_confluent.py", "cf", "range");

    [PythonClientsFact]
    public Task Cooperative_members_give_up_only_what_they_have_to_of_one_silo() =>
        RunPythonAsync(1, "groups_confluent.py", "co", "cooperative-sticky");

    [PythonClientsFact]
    public Task Cooperative_members_give_up_only_what_they_have_to_of_three_silos() =>
        RunPythonAsync(3, "groups_confluent.py", "co", "cooperative-sticky");

    [KafkaJsFact]
    public Task Two_members_of_kafkajs_share_a_topic_of_one_silo() => RunKafkaJsAsync(1);

    [KafkaJsFact]
    public Task Two_members_of_kafkajs_share_a_topic_of_three_silos() => RunKafkaJsAsync(3);

    private async Task RunKcatAsync(int nodes) =>
        Check(await RealClient.RunScriptAsync("groups_kcat.py", await clusters.BootstrapAsync(nodes, "kc"), "kc"));

    private async Task RunPythonAsync(int nodes, string script, string topic, params string[] more) =>
        Check(await RealClient.RunScriptAsync(script, [await clusters.BootstrapAsync(nodes, topic), topic, .. more]));

    private async Task RunKafkaJsAsync(int nodes) =>
        Check(await KafkaJs.RunAsync("groups.js", await clusters.BootstrapAsync(nodes, topic: null), "js"));

    private static void Check(string output) => Assert.EndsWith("ok", output.TrimEnd(), StringComparison.Ordinal);
}
