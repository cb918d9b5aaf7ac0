using FedSpine.Engine;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Simulation;

public class FleetTests
{
    [Fact]
    public void Eighty_devices_are_the_papers_fleet()
    {
        var fleet = Fleet.Create("jetson", 80, 1);
        var counts = Enumerable.Range(0, 80).GroupBy(d => fleet[d].Class).ToDictionary(g => g.Key, g => g.Count());
        Assert.Equal(30, counts["Jetson TX2"]);
        Assert.Equal(40, counts["Xavier NX"]);
        Assert.Equal(10, counts["AGX Xavier"]);
    }

    [Fact]
    public void Conditions_depend_on_seed_device_and_round_alone()
    {
        var fleet = Fleet.Create("jetson", 8, 7);
        var later = fleet.Conditions(3, 5);
        fleet.Conditions(0, 1);
        Assert.Equal(later, Fleet.Create("jetson", 8, 7).Conditions(3, 5));
        Assert.NotEqual(later, fleet.Conditions(3, 6));
        Assert.NotEqual(later, fleet.Conditions(2, 5));
        Assert.NotEqual(later, Fleet.Create("jetson", 8, 8).Conditions(3, 5));
    }

    [Fact]
    public void Bandwidth_is_1_to_30_megabits_and_throughput_a_part_of_the_peak()
    {
        var fleet = Fleet.Create("jetson", 8, 7);
        for (int device = 0; device < 8; device++)
        {
            for (int round = 1; round <= 50; round++)
            {
                var conditions = fleet.Conditions(device, round);
                Assert.InRange(conditions.BytesPerSecond * 8 / 1e6, 1, 30);
                Assert.InRange(conditions.FlopsPerSecond / (fleet[device].PeakGflops * 1e9), 0.2, 0.5);
            }
        }
    }

    [Fact]
    public void An_unknown_fleet_is_refused() => Assert.Contains("jetson, uniform", Assert.Throws<InputException>(() => Fleet.Create("moon", 3, 1)).Message);
}
