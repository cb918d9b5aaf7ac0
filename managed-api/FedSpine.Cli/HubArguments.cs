using System.CommandLine;
using FedSpine.Cli.Display;
using FedSpine.Engine;
using FedSpine.Engine.Hub;

namespace FedSpine.Cli;

/// <summary>
/// Models and adapters named "hub:OWNER/NAME[@REVISION]" are downloaded before a verb runs, which is then given the folder: no verb
/// knows of the Hub, and a run's configuration names a place that does not change.
/// </summary>
internal static class HubArguments
{
    /// <summary>The arguments with every such name replaced by its folder.</summary>
    /// <exception cref="InputException">No such repository, no access, ...</exception>
    public static string[] Resolve(string[] arguments, ParseResult parsed, IVerb verb, Terminal terminal, CancellationToken cancel)
    {
        string[] resolved = [.. arguments];
        foreach (var option in verb.Groups.SelectMany(g => g.Options).OfType<Option<string?>>())
        {
            if (!OptionKinds.IsModel(option) || parsed.GetValue(option) is not { } name || !HubReference.Is(name))
                continue;
            string folder = Download(HubReference.Parse(name), parsed.GetValue(verb.Common.Json) ? terminal.Error : terminal.Out, cancel);
            for (int i = 0; i < resolved.Length; i++)
            {
                if (resolved[i] == $"{option.Name}={name}")
                    resolved[i] = $"{option.Name}={folder}";
                else if (i > 0 && resolved[i - 1] == option.Name && resolved[i] == name)
                    resolved[i] = folder;
            }
        }

        return resolved;
    }

    private static string Download(HubReference reference, Spectre.Console.IAnsiConsole console, CancellationToken cancel)
    {
        try
        {
            return HubDisplay.Run(console, reference, cancel,
                progress => HubModel.DownloadAsync(reference, HubOptions.FromEnvironment(), progress, cancel).GetAwaiter().GetResult()).Folder;
        }
        catch (OperationCanceledException)
        {
            throw new InterruptedException($"stopped while downloading {reference}; what was received is kept, and the next time goes on from there");
        }
    }
}
