using CsCheck;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Simulation;

public class ParticipantSamplerTests
{
    [Fact]
    public void Every_device_plays_once_before_any_plays_again() =>
        Gen.Select(Gen.Int[1, 8], Gen.Int[1, 8], Gen.ULong).Sample((perRound, rounds, seed) =>
        {
            int devices = perRound * rounds;
            var sampler = new ParticipantSampler(devices, 1.0 / rounds, seed);
            for (int turn = 0; turn < 3; turn++)
                Assert.Equal(Enumerable.Range(0, devices), Enumerable.Range(turn * rounds + 1, rounds).SelectMany(sampler.Participants).Order());
        }, iter: 300);

    [Fact]
    public void Everyone_plays_from_the_named_round_and_not_from_the_next() =>
        Gen.Select(Gen.Int[1, 40], Gen.Double[0.05, 1], Gen.Int[100, 130], Gen.ULong).Sample((devices, participation, rounds, seed) =>
        {
            var sampler = new ParticipantSampler(devices, participation, seed);
            int from = sampler.EveryonePlaysFrom(rounds);
            int Players(int first) => Enumerable.Range(first, rounds - first + 1).SelectMany(sampler.Participants).Distinct().Count();
            Assert.Equal(devices, Players(from));
            if (from < rounds)
                Assert.True(Players(from + 1) < devices);
        }, iter: 300);

    [Fact]
    public void A_round_has_distinct_ascending_devices() =>
        Gen.Select(Gen.Int[1, 40], Gen.Double[0.01, 1], Gen.Int[1, 100], Gen.ULong).Sample((devices, participation, round, seed) =>
        {
            var sampler = new ParticipantSampler(devices, participation, seed);
            int[] chosen = sampler.Participants(round);
            Assert.Equal(sampler.PerRound, chosen.Length);
            Assert.Equal(chosen.Distinct().Order(), chosen);
            Assert.All(chosen, d => Assert.InRange(d, 0, devices - 1));
            Assert.Equal(chosen, new ParticipantSampler(devices, participation, seed).Participants(round));
        }, iter: 300);
}
