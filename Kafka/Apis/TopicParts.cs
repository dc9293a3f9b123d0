using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>The shape that many requests and responses have: topics by name, and for each of their partitions something more.</summary>
internal static class TopicParts
{
    /// <summary>Reads what is asked for one partition; the reader is behind the partition's own tagged fields then, but for them.</summary>
    public delegate T ReadPart<T>(ref KafkaReader request, string topic);

    /// <summary>Reads topics and their partitions, each with its place among the topics.</summary>
    public static List<(int Topic, T Part)> Read<T>(ref KafkaReader request, ReadPart<T> read)
    {
        var parts = new List<(int, T)>();
        var topics = request.ReadArrayLength("topics");
        for (var i = 0; i < topics; i++)
        {
            var topic = request.ReadString("name");
            var partitions = request.ReadArrayLength("partitions");
            for (var j = 0; j < partitions; j++)
            {
                parts.Add((i, read(ref request, topic)));
                request.SkipTaggedFields();
            }

            request.SkipTaggedFields();
        }

        return parts;
    }

    /// <summary>Carries out what is asked for each partition, several at a time, and writes the answers in the same shape.</summary>
    public static async Task AnswerAsync<T, TAnswer>(
        RequestContext context,
        List<(int Topic, T Part)> parts,
        Func<T, TopicPartition> partitionOf,
        Func<T, Task<TAnswer>> carryOut,
        Action<KafkaWriter, T, TAnswer> write)
    {
        const int Parallelism = 32;
        var answers = new TAnswer[parts.Count];
        await Parallel.ForAsync(
            0,
            parts.Count,
            new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = context.Aborted },
            async (i, _) => answers[i] = await carryOut(parts[i].Part).ConfigureAwait(false)).ConfigureAwait(false);
        var response = context.Response;
        var topics = parts.Count == 0 ? 0 : parts[^1].Topic + 1;
        response.WriteArrayLength(topics);
        for (int topic = 0, at = 0; topic < topics; topic++)
        {
            var end = at;
            while (end < parts.Count && parts[end].Topic == topic) end++;
            response.WriteString(end > at ? partitionOf(parts[at].Part).Topic : string.Empty);
            response.WriteArrayLength(end - at);
            for (; at < end; at++)
            {
                write(response, parts[at].Part, answers[at]);
                response.WriteTaggedFields();
            }

            response.WriteTaggedFields();
        }
    }
}
