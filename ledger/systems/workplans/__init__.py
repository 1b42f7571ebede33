"""Work plans and their tracking (工作计划与跟踪督办, 2.18): goals, time nodes, urges, answers."""
