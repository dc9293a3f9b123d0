using System.CommandLine;
using OrleansLog.Cli.Parsing;

namespace OrleansLog.Cli.Topics;

/// <summary>The <c>--config name=value</c> of several commands.</summary>
internal static class TopicConfigOption
{
    /// <summary>Makes the option.</summary>
    public static Option<Dictionary<string, string>> Create()
    {
        var option = ParsedOption.CreateMany(
            "--config", KeyValues.ParseMap, [], "A topic configuration by Kafka's name; may be repeated.");
        option.Aliases.Add("-c");
        option.HelpName = "name=value";
        return option;
    }
}
