using System.Globalization;
using System.Text.Json;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Rendering;
using OrleansLog.Cli.Topics;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Cli.Cluster;

/// <summary>How moves of replicas are shown.</summary>
internal static class MoveText
{
    /// <summary>Writes moves as a table or as JSON.</summary>
    /// <param name="run">The command.</param>
    /// <param name="title">What stands above the table.</param>
    /// <param name="moves">The moves.</param>
    /// <param name="executed">Whether they were begun.</param>
    public static void Write(CommandRun run, string title, IReadOnlyList<ReplicaMove> moves, bool executed)
    {
        if (run.Settings.Json)
        {
            run.WriteJson(json =>
            {
                json.WriteStartObject();
                json.WriteBoolean("executed", executed);
                json.WriteObjects("moves", moves, move =>
                {
                    json.WriteString("topic", move.Partition.Topic);
                    json.WriteNumber("partition", move.Partition.Partition);
                    WriteNodes(json, "from", move.From);
                    WriteNodes(json, "to", move.To);
                });
                json.WriteEndObject();
            });
            return;
        }

        var table = new Table("topic", "partition#", "replicas", "then", "copied to") { Title = title };
        foreach (var move in moves)
        {
            var added = move.To.Except(move.From).ToArray();
            table.Add(
                move.Partition.Topic,
                move.Partition.Partition.ToString(CultureInfo.InvariantCulture),
                TopicText.Nodes(move.From),
                TopicText.Nodes(move.To),
                added.Length == 0 ? "-" : TopicText.Nodes(added));
        }

        run.Write(table);
    }

    /// <summary>"3 partitions are moved, of which 5 replicas are copied", or the like.</summary>
    public static string Summary(IReadOnlyList<ReplicaMove> moves)
    {
        var copied = moves.Sum(static move => move.To.Except(move.From).Count());
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{TopicText.Partitions(moves.Count)} changed, {copied} {(copied == 1 ? "replica" : "replicas")} copied");
    }

    /// <summary>Writes node ids as an array.</summary>
    public static void WriteNodes(Utf8JsonWriter json, string name, IEnumerable<int> nodes)
    {
        json.WriteStartArray(name);
        foreach (var node in nodes) json.WriteNumberValue(node);
        json.WriteEndArray();
    }
}
