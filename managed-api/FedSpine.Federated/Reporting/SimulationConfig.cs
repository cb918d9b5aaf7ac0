using System.Text.Json;
using FedSpine.Engine;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Reporting;

/// <summary>config.json: <see cref="SimulationOptions"/> and nothing else.</summary>
public static class SimulationConfig
{
    public static string Write(SimulationOptions options) => JsonSerializer.Serialize(options, RunJson.Indented.SimulationOptions);

    /// <inheritdoc cref="SettingsFile.Read"/>
    public static SimulationOptions Read(string path) => SettingsFile.Read(path, RunJson.Default.SimulationOptions, new SimulationOptions());
}
