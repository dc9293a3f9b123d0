using System.Text.RegularExpressions;
using OrleansLog.Records;

namespace OrleansLog.Engine.Groups;

/// <summary>
/// The regular expression of a subscription. It has to match a topic's whole name, and is run by an automaton that takes time
/// in proportion to the name whatever the expression, so no member can make the coordinator think for long. That rules out
/// look-around, back-references and atomic groups, as Kafka's RE2 does.
/// </summary>
internal sealed class SubscriptionPattern
{
    private readonly Regex _regex;

    private SubscriptionPattern(Regex regex) => _regex = regex;

    /// <summary>Reads an expression.</summary>
    /// <exception cref="OrleansLogException">InvalidRegularExpression.</exception>
    public static SubscriptionPattern Parse(string pattern, int maxLength)
    {
        if (pattern.Length > maxLength)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidRegularExpression,
                $"The subscription pattern has {pattern.Length} characters; at most {maxLength} are allowed.");
        }

        try
        {
            const RegexOptions options = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant;
            _ = new Regex(pattern, options); // on its own, so that no stray parenthesis escapes the anchors around it
            return new SubscriptionPattern(new Regex(@"\A(?:" + pattern + @")\z", options));
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidRegularExpression, $"The subscription pattern '{pattern}' is not valid: {e.Message}", e);
        }
    }

    /// <summary>Whether a topic of that name is subscribed to.</summary>
    public bool Matches(string topic) => _regex.IsMatch(topic);
}
